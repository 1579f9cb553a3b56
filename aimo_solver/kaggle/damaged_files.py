"""Damaged files: links that lead nowhere and archives that were cut off, before they cost an upload or a session."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Final

from aimo_solver.errors import InputError

_ARCHIVES: Final = (".whl", ".zip")
_MAX_NAMED: Final = 5


def check_files(folder: Path) -> None:
    """Raises InputError that names the folder's damaged files, those in its subfolders too."""
    if found := file_faults(folder):
        more = f"; and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
        raise InputError(f"{folder}: " + "; ".join(found[:_MAX_NAMED]) + more)


def file_faults(folder: Path, *, subfolders: bool = True) -> list[str]:
    """Returns one sentence with a cure for each damaged file. Hidden folders are left out, as `kaggle` does."""
    found: list[str] = []
    for place, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        paths = [Path(place, name) for name in sorted([*names, *below])]
        found += [fault for path in paths if (fault := _file_fault(path, str(path.relative_to(folder))))]
        if not subfolders:
            break
    return found


def _file_fault(path: Path, name: str) -> str | None:
    if path.is_symlink() and not path.exists():
        return f"{name} is a broken link to {path.readlink()}; remove it, or link to a file that is there"
    if path.suffix.lower() not in _ARCHIVES or not path.is_file():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        size_bytes = path.stat().st_size
        return f"{name} is cut off or damaged after {size_bytes:,} bytes ({error}); remove it and download it again"
    if path.suffix.lower() == ".whl" and not any(one.endswith(".dist-info/METADATA") for one in names):
        return f"{name} is not a wheel, as it has no METADATA; remove it and download it again"
    return None
