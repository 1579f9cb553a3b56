"""kernel-metadata.json: what `kaggle kernels push` reads, checked before anything is sent.

Checks the rules of the command itself (kaggle 2.2) and those whose violation shows only hours later:
internet switched on, a placeholder or a source that is missing, an unknown accelerator, code that
cannot run (code_file.py). Reports every fault, not only the first.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from aimo_solver.errors import InputError
from aimo_solver.kaggle.code_file import code_faults
from aimo_solver.kaggle.damaged_files import file_faults

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
_NEEDED: Final = {
    "competition_sources": "the competition to submit to, such as ai-mathematical-olympiad-progress-prize-3",
    "model_sources": "the checkpoint, as owner/model/framework/variation/version",
    "dataset_sources": "the dataset of wheels that `aimo package wheels` makes, as user/slug",
}
_PLACEHOLDER: Final = re.compile(r"\byour-(name|model)\b|\bINSERT_[A-Z_]+_HERE\b", re.IGNORECASE)
"""What the shipped file has for you to fill in, and what `kaggle kernels init` writes."""
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
    if path.is_symlink() and not path.exists():
        raise InputError(f"{path}: is a broken link to {path.readlink()}; put the file there, or link to it again")
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
        *_placeholder_faults(fields),
        *code_faults(fields, folder, max_bytes=MAX_SOURCE_BYTES),
        *_choice_faults(fields),
        *_switch_faults(fields),
        *_source_faults(fields),
        *_missing_source_faults(fields),
        # The code file has its own sentence, and what lies in subfolders is nothing of the kernel's.
        *(fault for fault in file_faults(folder, subfolders=False) if fault.split()[0] != fields.get("code_file")),
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
    elif isinstance(title, str) and len(title) >= 5 and title.isascii() and slug_of(title) != id.split("/")[1].lower():
        found.append(
            f"id must end with the title's slug {slug_of(title)!r}, or kaggle creates another kernel, got {id!r}"
        )
    return found


def _placeholder_faults(values: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for name in ("id", "title", "code_file", *_LISTS):
        value = values.get(name)
        entries = cast("list[object]", value) if isinstance(value, list) else [value]
        found += [
            f"{name} must name yours instead of the placeholder {entry!r}"
            for entry in entries
            if isinstance(entry, str) and _PLACEHOLDER.search(entry)
        ]
    return found


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
    if not shape and _boolean(values.get("enable_gpu", False)):
        found.append(
            f"machine_shape must be one of {', '.join(ACCELERATORS)} if enable_gpu is true, got {shape!r}; "
            "without one kaggle chooses the card"
        )
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


def _missing_source_faults(values: dict[str, Any]) -> list[str]:
    """Faults of a kernel that would run without what it needs, or that asks for two contests' problems."""
    counts = {name: len(_distinct(values.get(name, []))) for name in _LISTS[:4]}
    # Wheels and weights may be in outputs of other kernels, too, and weights in a dataset beside that of wheels.
    others = counts["dataset_sources"] + counts["kernel_sources"]
    enough = {
        "competition_sources": counts["competition_sources"] > 0,
        "model_sources": counts["model_sources"] > 0 or others > 1,
        "dataset_sources": others > 0,
    }
    found = [f"{name} must name {_NEEDED[name]}, got none" for name, there in enough.items() if not there]
    if counts["competition_sources"] > 1:
        found.append(
            f"competition_sources must name one competition, got {', '.join(values['competition_sources'])}; "
            "remove all but the one to submit to"
        )
    return found


def _distinct(entries: object) -> set[str]:
    """The sources in a list, without their versions; a malformed entry counts, as it is reported elsewhere."""
    listed = cast("list[object]", entries) if isinstance(entries, list) else [entries]
    return {"/".join(str(entry).split("/")[:2]).lower() for entry in listed}


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


def slug_of(title: str) -> str:
    """Returns the slug that kaggle derives from an ASCII title."""
    without_commas = re.sub(r"(?<=\d),(?=\d)", "", title.lower())
    return re.sub(r"[^a-z0-9]+", "-", without_commas).strip("-")
