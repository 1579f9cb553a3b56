"""The weight files of a checkpoint folder: whether all are there and whole, and how many bytes an engine loads.

Guarantees: only headers and indexes are read, so that hundreds of GB are checked in seconds. Not found:
a file of the right size with wrong contents.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from aimo_solver.errors import EngineLoadError

WEIGHT_ENDINGS: Final = (".safetensors", ".bin", ".pt")
_INDEX_ENDING: Final = ".index.json"
_ADAPTER: Final = "adapter_model."
_TRAINING_STATE: Final = re.compile(
    r"(optimizer|scheduler|scaler|training_args|rng_state|random_states|trainer_state|zero_pp_rank|mp_rank)"
)
_SHARD: Final = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<ending>\.\w+)")
_BITS: Final[Mapping[str, int]] = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
"""Bits per number of each safetensors dtype."""
_WRAPPERS: Final = ("base_model.model.", "module.", "_orig_mod.")
"""Prefixes that PEFT, data-parallel training and torch.compile put before every name."""


def weight_files(names: Iterable[str]) -> list[str]:
    """Returns the names of the files an engine takes weights from: no adapters, no training state."""
    return sorted(
        name
        for name in names
        if name.endswith(WEIGHT_ENDINGS) and not name.startswith(_ADAPTER) and not _TRAINING_STATE.match(name)
    )


def loaded_files(names: Iterable[str]) -> list[str]:
    """Returns those of one format that vLLM prefers: safetensors first; Mistral's `consolidated` repeats the shards."""
    files = weight_files(names)
    for ending in WEIGHT_ENDINGS:
        of_ending = [name for name in files if name.endswith(ending)]
        if of_ending:
            return [name for name in of_ending if not name.startswith("consolidated")] or of_ending
    return []


def weight_bytes(folder: Path) -> int:
    """Returns the size of the files vLLM loads."""
    return sum((folder / name).stat().st_size for name in loaded_files(path.name for path in folder.iterdir()))


def check_weights(folder: Path, names: set[str]) -> None:
    """Raises EngineLoadError unless the weights are all there, whole, and named as the model names them.

    `names` are the folder's files, weights among them.
    """
    files = loaded_files(names)
    _check_shard_numbers(folder, files)
    ending = Path(files[0]).suffix
    # People delete the weights of another format, but not always their index.
    indexes = {name: _read_index(folder / name) for name in names if name.endswith(ending + _INDEX_ENDING)}
    for name, index in indexes.items():
        _check_index(folder, name, set(index.values()), files)
    tensors = {name: _tensor_names(folder / name) for name in files if name.endswith(".safetensors")}
    for name, index in indexes.items():
        for tensor, file in index.items():
            if file in tensors and tensor not in tensors[file]:
                raise EngineLoadError(f"{folder}/{name} names {tensor} in {file}, which lacks it; copy both again")
    _check_names(folder, [name for names_of_file in tensors.values() for name in names_of_file])
    for name in files:
        if not name.endswith(".safetensors"):
            _check_pickle(folder / name)


def _read_index(path: Path) -> dict[str, str]:
    """Returns each tensor's file."""
    try:
        index = cast("dict[object, object]", json.loads(path.read_text(encoding="utf-8"))["weight_map"])
        return {str(tensor): str(file) for tensor, file in index.items()}
    except OSError as error:
        raise EngineLoadError(f"{path} cannot be read ({error.strerror}); allow it, or copy it again") from error
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise EngineLoadError(f"{path} is damaged; copy it again") from error


def _check_index(folder: Path, name: str, shards: set[str], files: list[str]) -> None:
    ending = Path(name.removesuffix(_INDEX_ENDING)).suffix
    others = [file for file in files if file.endswith(ending) and file not in shards]
    missing = sorted(shards.difference(files))
    if missing and len(missing) == len(shards) and others:
        raise EngineLoadError(
            f"{folder}/{name} names only files that are not there, such as {missing[0]}; "
            f"delete it if {others[0]} holds all weights, else copy those files into the folder"
        )
    if missing:
        raise EngineLoadError(
            f"{folder} lacks {len(missing)} of {len(shards)} weight files, such as the missing shard {missing[0]}; "
            "copy them into it"
        )


def _check_shard_numbers(folder: Path, files: list[str]) -> None:
    """Finds what is missing of `model-00001-of-00003.safetensors` and its like where no index says."""
    found: dict[tuple[str, str, int], set[int]] = {}
    for name in files:
        if match := _SHARD.fullmatch(name):
            key = match["stem"], match["ending"], int(match["count"])
            found.setdefault(key, set()).add(int(match["number"]))
    for (stem, ending, count), numbers in found.items():
        first = min(numbers, default=1)  # Some writers count from zero.
        missing = [n for n in range(min(first, 1), min(first, 1) + count) if n not in numbers]
        if missing:
            raise EngineLoadError(
                f"{folder} lacks {len(missing)} of {count} weight files, such as the missing shard "
                f"{stem}-{missing[0]:05}-of-{count:05}{ending}; copy them into it"
            )


def _tensor_names(path: Path) -> set[str]:
    """Returns the names of a safetensors file's tensors. Raises EngineLoadError if it is damaged or truncated."""
    try:
        size_bytes = path.stat().st_size
        with path.open("rb") as file:
            header_bytes = int.from_bytes(file.read(8), "little")
            if header_bytes > size_bytes:
                raise ValueError("its header is longer than the file")
            header = cast("dict[str, Any]", json.loads(file.read(header_bytes)))
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        ends = [_check_entry(name, entry) for name, entry in entries.items()]
    except OSError as error:
        raise EngineLoadError(f"{path} cannot be read ({error.strerror}); allow it, or copy it again") from error
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise EngineLoadError(f"{path} is damaged or not a safetensors file ({error}); copy it again") from error
    if not entries:
        raise EngineLoadError(f"{path} holds no tensors; copy it again")
    expected_bytes = 8 + header_bytes + max(ends)
    if size_bytes < expected_bytes:
        raise EngineLoadError(f"{path} is truncated ({size_bytes:,} of {expected_bytes:,} bytes); copy it again")
    return set(entries)


def _check_entry(name: str, entry: Mapping[str, Any]) -> int:
    """Returns where the tensor ends. Raises ValueError or KeyError if its entry contradicts itself."""
    begin, end = entry["data_offsets"]
    bits = _BITS.get(str(entry["dtype"]))
    if bits is None:
        raise ValueError(f"{name} has the unknown dtype {entry['dtype']!r}")
    for size in entry["shape"]:
        bits *= size
    if (end - begin) * 8 != bits or not 0 <= begin <= end:
        raise ValueError(f"the shape of {name} does not fit its {end - begin:,} bytes")
    return int(end)


def _check_names(folder: Path, tensors: list[str]) -> None:
    adapters = [name for name in tensors if ".lora_A." in name or ".lora_B." in name]
    if adapters:
        raise EngineLoadError(
            f"{folder} holds a LoRA adapter that is not merged ({adapters[0]}); merge it into its base model "
            "(PEFT's merge_and_unload) and save that"
        )
    for wrapper in _WRAPPERS:
        if tensors and all(name.startswith(wrapper) for name in tensors):
            raise EngineLoadError(
                f"{folder}: every tensor's name begins with {wrapper!r}, as if saved inside a wrapper; "
                "save the model itself"
            )


def _check_pickle(path: Path) -> None:
    """Raises EngineLoadError for a torch file that was cut: its table of contents is at its end."""
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError as error:
        raise EngineLoadError(f"{path} cannot be read ({error.strerror}); allow it, or copy it again") from error
    if start == b"PK" and not zipfile.is_zipfile(path):
        raise EngineLoadError(f"{path} is truncated; copy it again")
    if start != b"PK" and not start.startswith(b"\x80"):
        raise EngineLoadError(f"{path} is damaged or not a file of torch.save; copy it again")
