"""Requirements files, and the locked ones among them: every line a version with the hashes of its wheels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement

from aimo_solver.errors import InputError
from aimo_solver.kaggle.wheel_target import WheelTarget
from aimo_solver.utils.files import read_text
from aimo_solver.utils.paths import PROJECT

MIN_DRIVERS: Final = {"cuda13": 580, "cuda12": 525}
"""Locked environments for GPUs, newest first, and the oldest driver that runs each (NVIDIA's compatibility table)."""
LOCKED_ENVIRONMENTS: Final = (*MIN_DRIVERS, "cpu")
_HASH: Final = re.compile(r"\s--hash=\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    requirement: Requirement
    hashes: str
    """As pip reads them."""


def choose_lock(driver: str) -> str:
    """Returns the newest locked environment that a driver runs: `580.65.06` gives `cuda13`. Raises InputError."""
    major = driver.partition(".")[0]
    if not major.isdecimal() or int(major) < min(MIN_DRIVERS.values()):
        raise InputError(f"driver must be a version from {min(MIN_DRIVERS.values())} on, got {driver!r}")
    return next(name for name, oldest in MIN_DRIVERS.items() if int(major) >= oldest)


def locked_requirements(name: str) -> Path:
    """Returns the requirements file of a locked environment. Raises InputError."""
    if name not in LOCKED_ENVIRONMENTS:
        raise InputError(f"lock must be one of {', '.join(LOCKED_ENVIRONMENTS)}, got {name!r}")
    path = PROJECT / "requirements" / f"{name}.txt"
    if not path.is_file():
        raise InputError(f"lock needs the project's checkout, which has requirements/{name}.txt, got {name!r}")
    return path


def parse_requirements(requirements: Sequence[Path | str], target: WheelTarget) -> list[tuple[str, Requirement]]:
    """Reads requirements, each with its source: a file's name, or `--with`. Raises InputError."""
    found: list[tuple[str, Requirement]] = []
    for one in requirements:
        if isinstance(one, Path):
            found += [(one.name, requirement) for requirement in read_requirements(one, target)]
            continue
        try:
            found.append(("--with", Requirement(one)))
        except InvalidRequirement as error:
            raise InputError(
                f"--with must be a requirement such as torch==2.13.0, got {one!r} ({_first_line(error)})"
            ) from error
    return found


def read_requirements(path: Path, target: WheelTarget) -> list[Requirement]:
    """Reads the requirements in a file that apply to the target. Raises InputError."""
    return [line.requirement for line in _lines(path) if target.needs(line.requirement)]


def is_locked(path: Path) -> bool:
    """Whether the file gives hashes; pip then asks for them on every line."""
    return _HASH.search(read_text(path, "a requirements file")) is not None


def lock_for_target(path: Path, target: WheelTarget) -> str:
    """Returns a locked file's lines that apply to the target, with their hashes and without markers.

    pip evaluates markers for the Python it runs in, which is not the target's.
    """
    lines: list[str] = []
    for line in _lines(path):
        if target.needs(line.requirement):
            line.requirement.marker = None
            lines.append(f"{line.requirement}{line.hashes}\n")
    return "".join(lines)


def _lines(path: Path) -> Iterator[_Line]:
    text = ""
    for number, line in enumerate(read_text(path, "a requirements file").splitlines(), 1):
        text += line.partition(" #")[0].strip()
        if text.endswith("\\"):
            text = text.removesuffix("\\")
            continue
        entry, text = text, ""
        if not entry or entry.startswith(("#", "-")):
            continue
        try:
            requirement = Requirement(_HASH.sub("", entry))
        except InvalidRequirement as error:
            raise InputError(f"{path}:{number}: {_first_line(error)}") from error
        yield _Line(requirement=requirement, hashes="".join(_HASH.findall(entry)))


def _first_line(error: InvalidRequirement) -> str:
    """The message without the lines that point to the position."""
    return str(error).splitlines()[0]
