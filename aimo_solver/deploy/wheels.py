"""Wheels for a machine without internet: downloaded by pip for that machine, checked, and locked.

Guarantees: a wheel that its Python or platform cannot use, and a requirement no wheel fulfils, are
named before anything is uploaded; the lock lists every wheel with its hash, so that what is
installed there is what was checked here. pip resolves; environment markers other than the Python
version are those of the machine that downloads.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from aimo_solver.errors import InputError
from aimo_solver.text_file import read_text, write_text

LOCK: Final = "aimo-wheels.lock"
"""In the folder of the wheels. `kernel.py` installs from every attached folder that has one."""
_OLDEST_GLIBC: Final = 5
_LEGACY: Final = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True, slots=True)
class Target:
    """The machine the wheels are for: Linux x86-64, CPython."""

    python: str = "3.12"
    glibc: int = 35
    """Minor version: 35 is glibc 2.35, Kaggle's image."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"3\.\d+", self.python):
            raise InputError(f"python must be a version such as 3.12, got {self.python!r}")
        if self.glibc < _OLDEST_GLIBC:
            raise InputError(f"glibc must be {_OLDEST_GLIBC} or more (2.{_OLDEST_GLIBC}), got {self.glibc!r}")

    @property
    def platforms(self) -> list[str]:
        """Platform tags, the newest first."""
        names: list[str] = []
        for minor in range(self.glibc, _OLDEST_GLIBC - 1, -1):
            names.append(f"manylinux_2_{minor}_x86_64")
            if minor in _LEGACY:
                names.append(f"{_LEGACY[minor]}_x86_64")
        return [*names, "linux_x86_64"]

    @property
    def tags(self) -> set[Tag]:
        """Every wheel tag it can use."""
        major, minor = (int(part) for part in self.python.split("."))
        interpreter = f"cp{major}{minor}"
        return {
            *cpython_tags((major, minor), platforms=self.platforms),
            *compatible_tags((major, minor), interpreter, self.platforms),
        }


def download_wheels(
    requirements: Sequence[Path], target: Target, folder: Path, *, with_dependencies: bool = True, quiet: bool = False
) -> None:
    """By pip, for the target. Raises InputError with pip's own last words."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--only-binary", ":all:"]
    command += ["--python-version", target.python, "--implementation", "cp", "--dest", str(folder)]
    for platform in target.platforms:
        command += ["--platform", platform]
    if not with_dependencies:
        command.append("--no-deps")
    for path in requirements:
        command += ["-r", str(path)]
    stdout = subprocess.DEVNULL if quiet else None
    done = subprocess.run(command, check=False, stdout=stdout, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()[-1:]
        raise InputError(f"pip cannot download for Python {target.python}: {' '.join(said)}")


def wheel_faults(folder: Path, target: Target, requirements: Sequence[Path] = ()) -> list[str]:
    """What is wrong with a folder of wheels, a sentence each."""
    found: list[str] = []
    versions: dict[str, set[str]] = {}
    tags = target.tags
    for path in sorted(folder.glob("*.whl")):
        try:
            name, version, _, wheel_tags = parse_wheel_filename(path.name)
        except InvalidWheelFilename:
            found.append(f"{path.name} is no name of a wheel; download it again")
            continue
        versions.setdefault(name, set()).add(str(version))
        if not tags & wheel_tags:
            built = ", ".join(sorted(str(tag) for tag in wheel_tags)[:2])
            found.append(f"{path.name} is built for {built}, not for Python {target.python} on Linux x86-64")
    found += [
        f"{name} is there in {len(several)} versions ({', '.join(sorted(several))}); keep one"
        for name, several in versions.items()
        if len(several) > 1
    ]
    for path in requirements:
        found += [
            f"no wheel fulfils {requirement}, which {path.name} asks for"
            for requirement in read_requirements(path, target)
            if not any(
                requirement.specifier.contains(version, prereleases=True)
                for version in versions.get(canonicalize_name(requirement.name), ())
            )
        ]
    return found


def read_requirements(path: Path, target: Target) -> list[Requirement]:
    """Those of a requirements file that the target's Python needs."""
    found: list[Requirement] = []
    for number, line in enumerate(read_text(path, "a requirements file").splitlines(), 1):
        text = line.partition(" #")[0].strip()
        if not text or text.startswith(("#", "-")):
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise InputError(f"{path}:{number}: {error}") from error
        marker = requirement.marker
        if marker is None or marker.evaluate({"python_version": target.python, "python_full_version": target.python}):
            found.append(requirement)
    return found


def write_lock(folder: Path) -> Path:
    """One line a wheel: name, version and hash, as `pip install -r` reads them."""
    lines: list[str] = []
    for path in sorted(folder.glob("*.whl")):
        name, version, _, _ = parse_wheel_filename(path.name)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        lines.append(f"{name}=={version} --hash=sha256:{digest}\n")
    lock = folder / LOCK
    write_text(lock, "".join(lines))
    return lock
