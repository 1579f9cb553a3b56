"""Wheels for a machine without internet: downloaded by pip for that machine, checked, and locked.

Guarantees: a wheel that the target cannot use, and a requirement that no wheel meets (including the
wheels' own requirements, evaluated with the target's environment markers), are named before anything
is uploaded; the lock lists every wheel with its hash, so what is installed there is what was checked
here. pip resolves, but evaluates markers for the Python it runs in: what it leaves out for the
target's Python is downloaded in further rounds.
"""

from __future__ import annotations

import email
import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from aimo_solver.errors import InputError
from aimo_solver.utils.files import read_text, write_text

LOCK: Final = "aimo-wheels.lock"
"""File in a folder of wheels. `kernel.py` installs from every attached folder that has one."""
MAX_ROUNDS: Final = 5
"""Further downloads of what the target's Python needs; each may bring new requirements."""
_OLDEST_GLIBC: Final = 5
_LEGACY: Final = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True, slots=True)
class WheelTarget:
    """The machine that the wheels are for: Linux x86-64, CPython."""

    python: str = "3.12"
    glibc: int = 35
    """Minor version: 35 means glibc 2.35, as in Kaggle's image."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"3\.\d+", self.python):
            raise InputError(f"python must be a version such as 3.12, got {self.python!r}")
        if self.glibc < _OLDEST_GLIBC:
            raise InputError(f"glibc must be at least {_OLDEST_GLIBC} (glibc 2.{_OLDEST_GLIBC}), got {self.glibc!r}")

    @property
    def platforms(self) -> list[str]:
        """Platform tags, newest first."""
        names: list[str] = []
        for minor in range(self.glibc, _OLDEST_GLIBC - 1, -1):
            names.append(f"manylinux_2_{minor}_x86_64")
            if minor in _LEGACY:
                names.append(f"{_LEGACY[minor]}_x86_64")
        return [*names, "linux_x86_64"]

    @property
    def tags(self) -> set[Tag]:
        """The wheel tags that it can install."""
        major, minor = (int(part) for part in self.python.split("."))
        interpreter = f"cp{major}{minor}"
        return {
            *cpython_tags((major, minor), platforms=self.platforms),
            *compatible_tags((major, minor), interpreter, self.platforms),
        }


def download_wheels(
    requirements: Sequence[Path | str],
    target: WheelTarget,
    folder: Path,
    *,
    with_dependencies: bool = True,
    quiet: bool = False,
) -> None:
    """Downloads wheels with pip. Requirements are files, or single requirements as text.

    Raises InputError with pip's error lines.
    """
    _download(requirements, target, folder, with_dependencies=with_dependencies, quiet=quiet)
    for _ in range(MAX_ROUNDS if with_dependencies else 0):
        missing = sorted({str(requirement) for _, requirement in unmet_requirements(folder, target)})
        if not missing:
            return
        _download(missing, target, folder, with_dependencies=with_dependencies, quiet=quiet)


def _download(
    requirements: Sequence[Path | str], target: WheelTarget, folder: Path, *, with_dependencies: bool, quiet: bool
) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--only-binary", ":all:"]
    command += ["--python-version", target.python, "--implementation", "cp", "--dest", str(folder)]
    for platform in target.platforms:
        command += ["--platform", platform]
    if not with_dependencies:
        command.append("--no-deps")
    for requirement in requirements:
        command += ["-r", str(requirement)] if isinstance(requirement, Path) else [requirement]
    stdout = subprocess.DEVNULL if quiet else None
    done = subprocess.run(command, check=False, stdout=stdout, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = " ".join(errors or done.stderr.splitlines()[-1:])
        raise InputError(f"pip cannot download for Python {target.python}: {reason}")


def unmet_requirements(folder: Path, target: WheelTarget) -> list[tuple[str, Requirement]]:
    """Requirements of the folder's wheels that no wheel there meets: the wheel's name, the requirement unmarked."""
    versions, unmet = _versions(folder), list[tuple[str, Requirement]]()
    for path in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(path) as archive:
            name = next(entry for entry in archive.namelist() if entry.endswith(".dist-info/METADATA"))
            metadata = email.message_from_bytes(archive.read(name))
        for line in metadata.get_all("Requires-Dist", []):
            requirement = Requirement(line)
            if _applies(requirement, target) and not _is_met(requirement, versions):
                requirement.marker = None
                unmet.append((path.name, requirement))
    return unmet


def wheel_faults(
    folder: Path, target: WheelTarget, requirements: Sequence[Path | str] = (), *, with_dependencies: bool = False
) -> list[str]:
    """Returns one sentence for each fault of a folder of wheels."""
    found: list[str] = []
    versions, tags = _versions(folder), target.tags
    for path in sorted(folder.glob("*.whl")):
        try:
            wheel_tags = parse_wheel_filename(path.name)[3]
        except InvalidWheelFilename:
            found.append(f"{path.name} is not a valid wheel name; download it again")
            continue
        if not tags & wheel_tags:
            built = ", ".join(sorted(str(tag) for tag in wheel_tags)[:2])
            found.append(f"{path.name} is built for {built}, not for Python {target.python} on Linux x86-64")
    found += [
        f"{name} is there in {len(several)} versions ({', '.join(sorted(several))}); keep one"
        for name, several in versions.items()
        if len(several) > 1
    ]
    unmet = [(source, one) for source, one in parse_requirements(requirements, target) if not _is_met(one, versions)]
    unmet += unmet_requirements(folder, target) if with_dependencies else []
    return found + [f"no wheel meets {requirement}, which {source} requires" for source, requirement in unmet]


def _versions(folder: Path) -> dict[str, set[str]]:
    versions: dict[str, set[str]] = {}
    for path in folder.glob("*.whl"):
        with suppress(InvalidWheelFilename):
            name, version, _, _ = parse_wheel_filename(path.name)
            versions.setdefault(name, set()).add(str(version))
    return versions


def _is_met(requirement: Requirement, versions: Mapping[str, Set[str]]) -> bool:
    available = versions.get(canonicalize_name(requirement.name), ())
    return any(requirement.specifier.contains(version, prereleases=True) for version in available)


def _applies(requirement: Requirement, target: WheelTarget) -> bool:
    """Whether the target needs it, without extras."""
    if requirement.marker is None:
        return True
    environment = {
        "python_version": target.python,
        "python_full_version": f"{target.python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    return requirement.marker.evaluate(environment)


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
    found: list[Requirement] = []
    for number, line in enumerate(read_text(path, "a requirements file").splitlines(), 1):
        text = line.partition(" #")[0].strip()
        if not text or text.startswith(("#", "-")):
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise InputError(f"{path}:{number}: {_first_line(error)}") from error
        if _applies(requirement, target):
            found.append(requirement)
    return found


def _first_line(error: InvalidRequirement) -> str:
    """The message without the lines that point to the position."""
    return str(error).splitlines()[0]


def write_lock(folder: Path) -> Path:
    """Writes one line per wheel, with name, version and hash, as `pip install -r` reads them."""
    lines: list[str] = []
    for path in sorted(folder.glob("*.whl")):
        name, version, _, _ = parse_wheel_filename(path.name)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        lines.append(f"{name}=={version} --hash=sha256:{digest}\n")
    lock = folder / LOCK
    write_text(lock, "".join(lines))
    return lock
