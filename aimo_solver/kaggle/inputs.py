"""Attached inputs: what a Kaggle session was given, under both layouts Kaggle has used.

`/kaggle/input/<slug>`, and `/kaggle/input/{competitions/<slug>, datasets/<user>/<slug>,
models/<owner>/<model>/<framework>/<variation>/<version>, notebooks/<user>/<slug>}`. The layout
changed in the middle of a contest: nothing here may depend on one of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from aimo_solver.errors import InputError
from aimo_solver.kaggle.contests import CONTESTS, Contest

INPUT_ROOT: Final = Path("/kaggle/input")
INPUTS_VARIABLE: Final = "AIMO_INPUTS"
"""Names another root, for rehearsals."""
DEEPEST = 8
"""A model's version lies five folders down, its checkpoint perhaps two more."""
_TEST_FILES = ("test.csv", "reference.csv")
_WEIGHTS = (".safetensors", ".bin", ".gguf")


def find_competition(root: Path = INPUT_ROOT) -> tuple[Contest, Path] | None:
    """The contest attached and its folder; None where there is none. Raises InputError for two."""
    found: list[tuple[Contest, Path]] = []
    for contest in CONTESTS:
        layouts = (root / "competitions" / contest.slug, root / contest.slug)
        found += [(contest, folder) for folder in layouts if folder.is_dir()][:1]  # Both are the same files.
    if len(found) > 1:
        folders = " and ".join(str(folder) for _, folder in found)
        raise InputError(f"two competitions are attached ({folders}); detach all but one")
    return found[0] if found else None


def find_test_file(competition: Path) -> Path | None:
    """The problems a version is saved against."""
    return next((competition / name for name in _TEST_FILES if (competition / name).is_file()), None)


def find_checkpoint(root: Path = INPUT_ROOT) -> Path | None:
    """The one folder with a model in it; None where there is none. Raises InputError for several, naming them."""
    found: list[Path] = []
    for folder, names in _folders(root):
        # A link is no second checkpoint, nor is the second form that some models have in a subfolder.
        known = any(folder.resolve().is_relative_to(outer.resolve()) for outer in found)
        if _is_checkpoint(names) and not known:
            found.append(folder)
    if len(found) > 1:
        names = ", ".join(str(folder) for folder in found)
        raise InputError(f"{root}: holds {len(found)} checkpoints ({names}); name one with --model")
    return found[0] if found else None


def find_wheel_folders(root: Path = INPUT_ROOT) -> list[Path]:
    """Every folder with wheels in it, for `pip install --no-index --find-links`."""
    return sorted(folder for folder, names in _folders(root) if any(name.endswith(".whl") for name in names))


def _is_checkpoint(names: list[str]) -> bool:
    return "config.json" in names and any(name.endswith(_WEIGHTS) for name in names)


def _folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder under `root` with its files, links followed as Kaggle's mounts need, to a depth."""
    for folder, below, names in os.walk(root, followlinks=True):
        below.sort()
        if len(Path(folder).relative_to(root).parts) >= DEEPEST:
            below.clear()
        yield Path(folder), names
