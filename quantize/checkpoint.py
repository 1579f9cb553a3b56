"""Checkpoints as files: reads their shards, tensors and vocabulary; writes new ones completely or not at all.

Weights are read tensor by tensor, so a checkpoint may be larger than memory.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from aimo_solver.engine.checkpoint import check_checkpoint
from aimo_solver.errors import InputError

_INDEX = "model.safetensors.index.json"
_WEIGHTS = (".safetensors", ".bin", ".pt", ".gguf")


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """A tensor as its file's header describes it."""

    dtype: str
    shape: tuple[int, ...]
    shard: str
    """Name of the file that holds it."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder that Hugging Face's loaders accept."""

    folder: Path
    config: Mapping[str, Any]
    tensors: Mapping[str, TensorInfo]

    @property
    def shards(self) -> dict[str, list[str]]:
        """Names of the tensors in each file, files in order."""
        found: dict[str, list[str]] = {}
        for name, info in self.tensors.items():
            found.setdefault(info.shard, []).append(name)
        return dict(sorted(found.items()))

    @property
    def weight_bytes(self) -> int:
        """Size of the weight files on disk."""
        return sum((self.folder / shard).stat().st_size for shard in self.shards)

    def vocabulary(self) -> dict[str, int]:
        """Returns token -> id, added tokens included. Raises InputError."""
        path = self.folder / "tokenizer.json"
        try:
            tokenizer = json.loads(path.read_text(encoding="utf-8"))
            tokens = tokenizer["model"]["vocab"]
            if isinstance(tokens, list):  # Of pairs (token, score).
                tokens = {token: id for id, (token, *_) in enumerate(cast(list[Any], tokens))}
            vocabulary = cast(dict[str, int], tokens)
            return vocabulary | {token["content"]: token["id"] for token in tokenizer.get("added_tokens", ())}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}: not a valid tokenizer ({error!r}); copy the model's own tokenizer.json there"
            ) from None


def read_checkpoint(folder: Path) -> Checkpoint:
    """Reads config and tensor headers, no weights. Raises InputError, or EngineLoadError if it is not a checkpoint."""
    check_checkpoint(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise InputError(f"{folder}: has no .safetensors files; convert its weights first")
    tensors: dict[str, TensorInfo] = {}
    for path in files:
        for name, entry in _header(path).items():
            start, end = entry["data_offsets"]
            tensors[name] = TensorInfo(
                dtype=entry["dtype"], shape=tuple(entry["shape"]), shard=path.name, size_bytes=end - start
            )
    checkpoint = Checkpoint(folder, config, tensors)
    _require_matching_vocabulary(checkpoint)
    return checkpoint


def _header(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {name: entry for name, entry in header.items() if name != "__metadata__"}


def _require_matching_vocabulary(checkpoint: Checkpoint) -> None:
    size = checkpoint.config.get("vocab_size")
    if (checkpoint.folder / "tokenizer.json").exists() and isinstance(size, int):
        highest = max(checkpoint.vocabulary().values(), default=-1)
        if highest >= size:
            raise InputError(
                f"{checkpoint.folder}: its tokenizer has the id {highest}, but the model has only {size} tokens; "
                "copy the model's own tokenizer there"
            )


@contextmanager
def new_folder(path: Path) -> Generator[Path]:
    """Yields a folder to build in; it is renamed to `path` on success and removed on failure.

    Raises InputError when `path` exists, or when the disk is full or read-only.
    """
    if path.exists():
        raise InputError(f"{path}: already exists; name another folder, or remove it")
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # Left by a killed process.
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}; nothing was kept") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def copy_companions(source: Path, target: Path) -> None:
    """Copies everything but the weights: config, tokenizer, chat template, generation settings."""
    for path in sorted(source.iterdir()):
        if path.is_file() and path.suffix not in _WEIGHTS and path.name != _INDEX and path.name != "README.md":
            shutil.copyfile(path, target / path.name)


def write_shard(path: Path, tensors: Mapping[str, TensorInfo], contents: Iterable[bytes]) -> None:
    """Writes a safetensors file tensor by tensor; the library's own writer holds the file in memory twice.

    `contents` yields the tensors' bytes in the order of `tensors`. The format (huggingface.co/docs/safetensors):
    the header's length in 8 bytes, the header as JSON, the tensors.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, info in tensors.items():
        start, end = end, end + info.size_bytes
        header[name] = {"dtype": info.dtype, "shape": list(info.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for (name, info), data in zip(tensors.items(), contents, strict=True):
            if len(data) != info.size_bytes:
                raise InputError(f"{path}: {name!r} must have {info.size_bytes} bytes, got {len(data)}")
            file.write(data)


def write_index(target: Path, shards: Mapping[str, list[str]]) -> None:
    """Writes the index that says which file holds which tensor; a single file needs none."""
    if len(shards) > 1:
        weight_map = {name: shard for shard, names in shards.items() for name in names}
        total = sum((target / shard).stat().st_size for shard in shards)
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        (target / _INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
