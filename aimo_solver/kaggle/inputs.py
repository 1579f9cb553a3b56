"""Attached inputs: finds the competition, the model and the wheels, under both layouts that Kaggle has used.

`/kaggle/input/<slug>`, and `/kaggle/input/{competitions/<slug>, datasets/<user>/<slug>,
models/<owner>/<model>/<framework>/<variation>/<version>, notebooks/<user>/<slug>}`. The layout
changed in the middle of a contest, so nothing here may depend on one of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from aimo_solver.config.contest import Contest, shipped_contests
from aimo_solver.errors import InputError

INPUT_ROOT: Final = Path("/kaggle/input")
INPUTS_VARIABLE: Final = "AIMO_INPUTS"
"""Environment variable that names another root, for rehearsals."""
MAX_DEPTH: Final = 8
"""A model's version is five folders down, its checkpoint perhaps two more."""
_TEST_FILES: Final = ("test.csv", "reference.csv")
_WEIGHTS: Final = (".safetensors", ".bin", ".gguf")


def find_competition(root: Path = INPUT_ROOT, contests: Sequence[Contest] | None = None) -> tuple[Contest, Path] | None:
    """Returns the attached contest and its folder, or None. Raises InputError if there are two.

    `contests`: those to look for; None means the shipped ones.
    """
    found: list[tuple[Contest, Path]] = []
    for contest in shipped_contests() if contests is None else contests:
        layouts = (root / "competitions" / contest.slug, root / contest.slug)
        found += [(contest, folder) for folder in layouts if folder.is_dir()][:1]  # Both hold the same files.
    if len(found) > 1:
        folders = " and ".join(str(folder) for _, folder in found)
        raise InputError(f"two competitions are attached ({folders}); detach all but one")
    return found[0] if found else None


def find_test_file(competition: Path) -> Path | None:
    """The file of problems that a saved version is run on, or None."""
    return next((competition / name for name in _TEST_FILES if (competition / name).is_file()), None)


def find_checkpoint(root: Path = INPUT_ROOT) -> Path | None:
    """The only folder that holds a model, or None. Raises InputError that names them if there are several."""
    found: list[Path] = []
    for folder, names in _folders(root):
        # Neither a link nor the second format that some models have in a subfolder is another checkpoint.
        known = any(folder.resolve().is_relative_to(outer.resolve()) for outer in found)
        if _is_checkpoint(names) and not known:
            found.append(folder)
    if len(found) > 1:
        names = ", ".join(str(folder) for folder in found)
        raise InputError(f"{root}: holds {len(found)} checkpoints ({names}); choose one with --model")
    return found[0] if found else None


def require_inputs(found: tuple[Contest, Path] | None, checkpoint: Path | None, *, root: Path, scored: bool) -> None:
    """Raises InputError, with the cure, for a session that could only pretend to answer a contest."""
    if scored and found is None:
        raise InputError(
            f"{root}: no contest that is known is attached, but this is a scoring run; correct competition_sources in "
            "kernel-metadata.json, or name the contest's file with --contest"
        )
    if found is not None and checkpoint is None:
        raise InputError(
            f"{root}: no checkpoint is attached; correct model_sources in kernel-metadata.json "
            "(owner/model/framework/variation/number), or name a folder with --model"
        )


def find_wheel_folders(root: Path = INPUT_ROOT) -> list[Path]:
    """Every folder that holds wheels, for `pip install --no-index --find-links`."""
    return sorted(folder for folder, names in _folders(root) if any(name.endswith(".whl") for name in names))


def _is_checkpoint(names: list[str]) -> bool:
    return "config.json" in names and any(name.endswith(_WEIGHTS) for name in names)


def _folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yields folders under `root`, to MAX_DEPTH, with their files. Follows links, as Kaggle's mounts require."""
    for folder, below, names in os.walk(root, followlinks=True):
        below.sort()
        if len(Path(folder).relative_to(root).parts) >= MAX_DEPTH:
            below.clear()
        yield Path(folder), names
