"""kernel-metadata.json: what `kaggle kernels push` reads, checked before anything is sent.

Checks the rules of the command itself (kaggle 2.2) and those whose violation shows only hours later:
internet switched on, a malformed source, an unknown accelerator, code above the size limit. Reports
every fault, not only the first.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from aimo_solver.errors import InputError

FILE: Final = "kernel-metadata.json"
MAX_SOURCE_BYTES: Final = 1_000_000
"""The server refuses longer code files."""
ACCELERATORS: Final = (
    "NvidiaTeslaT4 NvidiaTeslaT4Highmem NvidiaL4 NvidiaL4X1 NvidiaH100 NvidiaTeslaA100 NvidiaRtxPro6000 "
    "TpuV38 Tpu1VmV38 TpuV5E8 TpuV6E8"
).split()
RETIRED_ACCELERATORS: Final = {"NvidiaTeslaP100"}
_KNOWN: Final = set(
    "id id_no title code_file language kernel_type is_private enable_gpu enable_tpu enable_internet dataset_sources "
    "competition_sources kernel_sources model_sources keywords docker_image docker_image_pinning_type "
    "machine_shape".split()
)
_LISTS: Final = ("dataset_sources", "competition_sources", "kernel_sources", "model_sources", "keywords")
_BOOLEANS: Final = ("is_private", "enable_gpu", "enable_tpu", "enable_internet")
_LANGUAGES: Final = ("python", "r", "rmarkdown")
_TYPES: Final = ("script", "notebook")
_PINNINGS: Final = ("original", "latest")
_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelMetadata:
    """A valid kernel-metadata.json, and the code file it names."""

    id: str
    title: str
    code_file: Path
    machine_shape: str
    values: dict[str, Any]
    """Everything in the file."""

    @property
    def sources(self) -> dict[str, list[str]]:
        """Sources to attach, by kind, without empty kinds."""
        return {name: self.values[name] for name in _LISTS[:4] if self.values.get(name)}


def read_kernel_metadata(folder: Path) -> KernelMetadata:
    """Reads the metadata in the folder to push. Raises InputError that names the file and all its faults."""
    path = folder / FILE
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist; create it, or name the folder that holds it") from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: must be JSON in UTF-8: {error}") from error
    if faults := kernel_faults(values, folder):
        raise InputError(f"{path}: " + "; ".join(faults))
    return KernelMetadata(
        id=values["id"],
        title=values["title"],
        code_file=folder / values["code_file"],
        machine_shape=str(values.get("machine_shape") or ""),
        values=values,
    )


def kernel_faults(values: Any, folder: Path) -> list[str]:
    """Returns one sentence with a cure for each fault; none for metadata that can be pushed."""
    if not isinstance(values, dict):
        return [f"must be a JSON object, got {type(values).__name__}"]
    fields = cast("dict[str, Any]", values)
    return [
        *(f"{name} is not a field that kaggle reads; remove it" for name in fields if name not in _KNOWN),
        *_name_faults(fields),
        *_code_faults(fields, folder),
        *_choice_faults(fields),
        *_switch_faults(fields),
        *_source_faults(fields),
    ]


def _name_faults(values: dict[str, Any]) -> list[str]:
    found: list[str] = []
    title, id = values.get("title"), values.get("id")
    if not isinstance(title, str) or len(title) < 5:
        found.append(f"title must be a string of 5 or more characters, got {title!r}")
    if not isinstance(id, str) or not _is_path_of_slugs(id, 2):
        found.append(f"id must be user/slug without a version, got {id!r}")
    elif len(id.split("/")[1]) < 5:
        found.append(f"id must have a slug of 5 or more characters, got {id!r}")
    elif isinstance(title, str) and len(title) >= 5 and title.isascii() and _slug_of(title) != id.split("/")[1].lower():
        found.append(
            f"id must end with the title's slug {_slug_of(title)!r}, or kaggle creates another kernel, got {id!r}"
        )
    return found


def _code_faults(values: dict[str, Any], folder: Path) -> list[str]:
    name = values.get("code_file")
    if not isinstance(name, str) or not name:
        return [f"code_file must name the file to run, got {name!r}"]
    path = folder / name
    if not path.is_file():
        return [f"code_file must exist, but there is no {path}"]
    if values.get("kernel_type") == "notebook":
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            return [f"code_file must be a notebook if kernel_type is notebook, got {name!r}; set kernel_type to script"]
    size_bytes = path.stat().st_size
    if size_bytes > MAX_SOURCE_BYTES:
        return [
            f"code_file must be at most {MAX_SOURCE_BYTES:,} bytes, got {size_bytes:,}; attach the package as a dataset"
        ]
    return []


def _choice_faults(values: dict[str, Any]) -> list[str]:
    found = [
        f"{name} must be one of {', '.join(choices)}, got {values.get(name)!r}"
        for name, choices in (("language", _LANGUAGES), ("kernel_type", _TYPES))
        if values.get(name) not in choices
    ]
    pinning, shape = values.get("docker_image_pinning_type"), values.get("machine_shape")
    if pinning is not None and pinning not in _PINNINGS:
        found.append(f"docker_image_pinning_type must be one of {', '.join(_PINNINGS)}, got {pinning!r}")
    if shape is not None and not isinstance(shape, str):
        found.append(f"machine_shape must be a string, got {shape!r}")
    elif shape in RETIRED_ACCELERATORS:
        found.append(f"machine_shape {shape} is retired, and kaggle silently takes another card; choose another")
    elif shape and shape not in ACCELERATORS:
        found.append(
            f"machine_shape must be one of {', '.join(ACCELERATORS)}, got {shape!r}; kaggle ignores a wrong one"
        )
    return found


def _switch_faults(values: dict[str, Any]) -> list[str]:
    found = [
        f"{name} must be true or false, got {values[name]!r}"
        for name in _BOOLEANS
        if name in values and _boolean(values[name]) is None
    ]
    if "enable_internet" not in values:
        found.append("enable_internet must be false: kaggle switches it on if it is left out")
    elif _boolean(values["enable_internet"]):
        found.append("enable_internet must be false: a kernel with internet cannot be submitted")
    shape = values.get("machine_shape")
    switch = "enable_tpu" if isinstance(shape, str) and shape.startswith("Tpu") else "enable_gpu"
    if shape and _boolean(values.get(switch, False)) is False:
        found.append(f"{switch} must be true if machine_shape names an accelerator")
    return found


def _source_faults(values: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for name in _LISTS:
        entries = values.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in cast("list[Any]", entries)):
            found.append(f"{name} must be a list of strings, got {entries!r}")
            continue
        found += [fault for entry in cast("list[str]", entries) if (fault := _source_fault(name, entry))]
    return found


def _source_fault(name: str, source: str) -> str | None:
    parts = source.split("/")
    if name in ("dataset_sources", "kernel_sources"):
        versioned = len(parts) == 3 and re.fullmatch("[0-9]+", parts[2])
        if not _is_path_of_slugs("/".join(parts[:2]), 2) or not (len(parts) == 2 or versioned):
            return f"{name} must be user/slug or user/slug/version, got {source!r}"
        if name == "kernel_sources" and len(parts[1]) < 5:
            return f"{name} must have slugs of 5 or more characters, got {source!r}"
    elif name == "model_sources":
        if len(parts) != 5 or not all(parts) or not re.fullmatch("[0-9]+", parts[4]):
            return f"{name} must be owner/model/framework/variation/version, got {source!r}"
    elif name == "competition_sources" and not _SLUG.fullmatch(source):
        return f"{name} must be a competition's slug, got {source!r}"
    return None


def _is_path_of_slugs(text: str, parts: int) -> bool:
    names = text.split("/")
    return len(names) == parts and all(_SLUG.fullmatch(name) for name in names)


def _boolean(value: object) -> bool | None:
    """Reads a boolean as kaggle does, as such or as text; None if it is neither."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def _slug_of(title: str) -> str:
    """The slug that kaggle derives from an ASCII title."""
    without_commas = re.sub(r"(?<=\d),(?=\d)", "", title.lower())
    return re.sub(r"[^a-z0-9]+", "-", without_commas).strip("-")
