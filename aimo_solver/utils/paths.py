"""Paths of the files that travel with the package: beside it in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parents[1]
PROJECT: Final = _PACKAGE.parent
"""The checkout, where there is one."""


def bundled(name: str) -> Path:
    """Returns the path of a bundled file or folder such as `validation_sets/demo.jsonl`; it may not exist."""
    inside = _PACKAGE / "_bundled" / name
    return inside if inside.exists() else PROJECT / name


DEMO_SET: Final = bundled("validation_sets/demo.jsonl")
DEMO_MODEL: Final = bundled("demo_model/tir")
DEMO_PPM: Final = bundled("demo_model/ppm")
"""Scores the demo model's steps."""


def from_anywhere(name_or_file: str) -> str:
    """Returns the absolute path of a TOML file, for a process in another folder; any other name as it is."""
    return str(Path(name_or_file).absolute()) if name_or_file.casefold().endswith(".toml") else name_or_file


def shown_path(path: Path) -> str:
    """Returns the path as people read it: relative where it lies in the current folder."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (OSError, ValueError):  # Elsewhere, or the current folder is gone.
        return str(path)
