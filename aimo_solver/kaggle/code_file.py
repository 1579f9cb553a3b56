"""The code file of a kernel: whether Kaggle can take it and run it, as a script or as a notebook."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from aimo_solver.kaggle.notebook import SUFFIX, notebook_faults, python_fault, read_notebook


def code_faults(values: dict[str, Any], folder: Path, *, max_bytes: int) -> list[str]:
    """Returns one sentence with a cure for each fault of the file that kernel-metadata.json names."""
    name = values.get("code_file")
    if not isinstance(name, str) or not name:
        return [f"code_file must name the file to run, got {name!r}"]
    path = folder / name
    if path.is_symlink() and not path.exists():
        return [f"code_file {path} is a broken link to {path.readlink()}; put the file there, or link to it again"]
    if not path.is_file():
        return [f"code_file must exist, but there is no {path}"]
    size_bytes = path.stat().st_size
    if size_bytes > max_bytes:
        return [f"code_file must be at most {max_bytes:,} bytes, got {size_bytes:,}; attach the package as a dataset"]
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        return [f"code_file must be UTF-8 text, but {path} is not (byte {error.start}); save it as UTF-8"]
    except OSError as error:
        return [f"code_file {path} cannot be read: {error.strerror}"]
    if values.get("kernel_type") == "notebook":
        return _as_notebook(name, text)
    return _as_script(name, text) if values.get("language") == "python" else []


def _as_notebook(name: str, text: str) -> list[str]:
    notebook = read_notebook(text)
    if notebook is None:
        return [f"code_file must be a notebook if kernel_type is notebook, got {name!r}; set kernel_type to script"]
    return [f"code_file {name}: {fault}" for fault in notebook_faults(notebook)]


def _as_script(name: str, text: str) -> list[str]:
    if name.lower().endswith(SUFFIX) or read_notebook(text) is not None:
        return [f"code_file must be a script if kernel_type is script, got {name!r}; set kernel_type to notebook"]
    if fault := python_fault(text, is_cell=False):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return [f"code_file {name} is not valid Python {version} ({fault}); correct it"]
    return []
