"""Shipped files: found by name, whatever its case, or given as a path."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aimo_solver.errors import InputError

_HERE: Final = Path(__file__).parent
PRESETS: Final = _HERE / "presets"
HARDWARE: Final = _HERE / "hardware"
CONTESTS: Final = _HERE / "contests"
SPEED_TABLES: Final = _HERE / "speed_tables"
STOP_TABLES: Final = _HERE / "stop_tables"


def find_shipped(name_or_file: str, folder: Path, *, noun: str, suffix: str = ".toml") -> Path:
    """Returns the path of a shipped file, or the given path if it ends with `suffix`; the file exists.

    Raises InputError, which lists the shipped names.
    """
    shipped = {path.stem.casefold(): path for path in folder.glob(f"*{suffix}")}
    is_file = name_or_file.casefold().endswith(suffix)
    path = Path(name_or_file) if is_file else shipped.get(name_or_file.casefold())
    if path is None or not path.is_file():
        names = ", ".join(sorted(shipped))
        raise InputError(f"{noun} must be one of {names}, or a {suffix} file, got {name_or_file!r}")
    return path
