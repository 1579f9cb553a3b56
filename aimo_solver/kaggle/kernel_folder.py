"""A kernel's folder: the code file and its kernel-metadata.json, as `aimo push` sends them.

Guarantees: metadata that is already in the folder keeps its values; what is not given is taken from the
file beside the kernel, placeholders included, which `aimo push` refuses by name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from aimo_solver.errors import InputError
from aimo_solver.kaggle.kernel_metadata import FILE, MAX_SOURCE_BYTES, kernel_faults, slug_of
from aimo_solver.kaggle.notebook import SUFFIX, notebook_from_kernel
from aimo_solver.kaggle.package import package_single_file
from aimo_solver.utils.files import make_folder, read_text, write_text

SCRIPT: Final = "kernel.py"
NOTEBOOK: Final = f"kernel{SUFFIX}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSettings:
    """What kernel-metadata.json is to say; None and empty leave a field as it is."""

    id: str | None = None
    """user/slug."""
    competition: str | None = None
    """The competition's slug."""
    datasets: tuple[str, ...] = ()
    model: str | None = None
    """owner/model/framework/variation/version."""
    accelerator: str | None = None

    def fields(self) -> dict[str, Any]:
        """Returns the fields that are set."""
        given: dict[str, Any] = {}
        if self.id is not None:
            given |= {"id": self.id, "title": self.id.rpartition("/")[2].replace("-", " ")}
        if self.competition is not None:
            given["competition_sources"] = [self.competition]
        if self.datasets:
            given["dataset_sources"] = list(self.datasets)
        if self.model is not None:
            given["model_sources"] = [self.model]
        if self.accelerator is not None:
            given |= {"machine_shape": self.accelerator, "enable_gpu": not self.accelerator.startswith("Tpu")}
        return given


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelFolder:
    """A folder that was written, and what keeps `aimo push` from taking it as it stands."""

    path: Path
    code_file: Path
    faults: tuple[str, ...]


def write_single_file(kernel: Path, out: Path, settings: KernelSettings) -> KernelFolder:
    """Writes the kernel with the package inside, and its metadata. `out` is a folder, or the file in it."""
    code = _code_path(kernel, out, SCRIPT)
    metadata = _metadata(kernel, code.parent, settings)
    make_folder(code.parent)
    package_single_file(kernel, code)
    return _finish(code, metadata | {"kernel_type": "script"})


def write_notebook(kernel: Path, out: Path, settings: KernelSettings) -> KernelFolder:
    """Writes the kernel as a notebook, and its metadata. `out` is a folder, or the file in it."""
    text = notebook_from_kernel(kernel)
    code = _code_path(kernel, out, NOTEBOOK)
    size_bytes = len(text.encode())
    if size_bytes > MAX_SOURCE_BYTES:
        raise InputError(f"{code}: would have {size_bytes:,} bytes, and Kaggle accepts at most {MAX_SOURCE_BYTES:,}")
    metadata = _metadata(kernel, code.parent, settings)
    make_folder(code.parent)
    write_text(code, text)
    return _finish(code, metadata | {"kernel_type": "notebook"})


def _code_path(kernel: Path, out: Path, name: str) -> Path:
    code = out if out.suffix == Path(name).suffix and not out.is_dir() else out / name
    if code.parent.resolve() == kernel.resolve().parent:
        raise InputError(f"{code.parent}: is the folder of the kernel itself; name another folder")
    return code


def _metadata(kernel: Path, folder: Path, settings: KernelSettings) -> dict[str, Any]:
    """Returns the folder's own metadata, or that beside the kernel, with the settings. Raises InputError."""
    path = folder / FILE if (folder / FILE).is_file() else kernel.parent / FILE
    try:
        values: Any = json.loads(read_text(path, f"the project's own {FILE}"))
    except ValueError as error:
        raise InputError(f"{path}: must be JSON: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: must be a JSON object, got {type(values).__name__}")
    fields, given = cast("dict[str, Any]", values), settings.fields()
    title = fields.get("title")
    if settings.id is not None and isinstance(title, str) and slug_of(title) == slug_of(given["title"]):
        given["title"] = title
    return fields | given


def _finish(code: Path, metadata: dict[str, Any]) -> KernelFolder:
    folder, whole = code.parent, metadata | {"code_file": code.name, "language": "python"}
    write_text(folder / FILE, json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    return KernelFolder(path=folder, code_file=code, faults=tuple(kernel_faults(whole, folder)))
