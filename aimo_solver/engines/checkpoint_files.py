"""Looks at a checkpoint's files before an engine spends minutes on them.

Guarantees: a folder that is missing, incomplete or cut short raises EngineLoadError with one
sentence that names the folder and the cure. Weights are not read beyond their headers, so a file
of the right size with wrong contents passes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from aimo_solver.errors import EngineLoadError

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tekken.json", "vocab.json", "tiktoken.model")
_WEIGHT_ENDINGS = (".safetensors", ".bin", ".pt")
_WEIGHT_INDEX = "model.safetensors.index.json"


def check_checkpoint(folder: Path) -> None:
    """Raises EngineLoadError when the folder cannot be a checkpoint an engine loads."""
    if not folder.is_dir():
        raise EngineLoadError(f"there is no folder {folder}; name the folder that holds the checkpoint")
    names = set(os.listdir(folder))
    if "config.json" not in names:
        raise EngineLoadError(f"{folder} has no config.json; name the folder of a Hugging Face checkpoint")
    try:
        config = json.loads((folder / "config.json").read_text())
    except ValueError as error:
        raise EngineLoadError(f"{folder}/config.json is damaged ({error}); copy it again") from error
    if not isinstance(config, dict):
        raise EngineLoadError(f"{folder}/config.json is no JSON object; copy it again")
    if not names.intersection(_TOKENIZER_FILES):
        raise EngineLoadError(
            f"{folder} has no tokenizer (tokenizer.json or the like); copy the model's tokenizer files into it"
        )
    if not any(name.endswith(_WEIGHT_ENDINGS) for name in names):
        raise EngineLoadError(f"{folder} has no weights (*.safetensors); copy them into it")
    if _WEIGHT_INDEX in names:
        _check_index(folder, names)
    for name in sorted(names):
        if name.endswith(".safetensors"):
            _check_safetensors(folder / name)


def _check_index(folder: Path, names: set[str]) -> None:
    try:
        shards = set(json.loads((folder / _WEIGHT_INDEX).read_text())["weight_map"].values())
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise EngineLoadError(f"{folder}/{_WEIGHT_INDEX} is damaged; copy it again") from error
    if missing := sorted(shards - names):
        raise EngineLoadError(
            f"{folder} lacks {len(missing)} of {len(shards)} weight files, {missing[0]} first; copy them into it"
        )


def _check_safetensors(path: Path) -> None:
    """The file's size must be what its header says."""
    size_bytes = path.stat().st_size
    try:
        with path.open("rb") as file:
            header_bytes = int.from_bytes(file.read(8), "little")
            if header_bytes > size_bytes:
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(header_bytes))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise EngineLoadError(f"{path} is no safetensors file or damaged; copy it again") from error
    expected_bytes = 8 + header_bytes + max(ends, default=0)
    if size_bytes < expected_bytes:
        raise EngineLoadError(f"{path} is cut short ({size_bytes:,} of {expected_bytes:,} bytes); copy it again")
