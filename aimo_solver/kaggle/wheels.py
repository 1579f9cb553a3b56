"""Wheels for a machine without internet: downloaded by pip for that machine, checked, and locked.

Guarantees: a wheel that its Python or platform cannot use, and a requirement no wheel fulfils (the
wheels' own too, read with the target's environment markers), are named before anything is uploaded;
the lock lists every wheel with its hash, so that what is installed there is what was checked here.
pip resolves; as it reads markers for the Python it runs in, what it leaves out for another is
downloaded in further rounds.
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
"""In the folder of the wheels. `kernel.py` installs from every attached folder that has one."""
ROUNDS: Final = 5
"""Of downloads of what another Python needs; each may bring new wishes."""
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
    requirements: Sequence[Path | str],
    target: Target,
    folder: Path,
    *,
    with_dependencies: bool = True,
    quiet: bool = False,
) -> None:
    """By pip, for the target: of requirements files, and of single requirements as text.

    Raises InputError with pip's own last words.
    """
    _download(requirements, target, folder, with_dependencies, quiet)
    for _ in range(ROUNDS if with_dependencies else 0):
        missing = sorted({str(wish) for _, wish in unfulfilled(folder, target)})
        if not missing:
            return
        _download(missing, target, folder, with_dependencies, quiet)


def _download(
    requirements: Sequence[Path | str], target: Target, folder: Path, with_dependencies: bool, quiet: bool
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
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()[-1:]
        raise InputError(f"pip cannot download for Python {target.python}: {' '.join(said)}")


def unfulfilled(folder: Path, target: Target) -> list[tuple[str, Requirement]]:
    """What wheels ask for that no wheel there fulfils: the wheel's name, and its wish without its marker."""
    versions, found = _versions(folder), list[tuple[str, Requirement]]()
    for path in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(path) as archive:
            name = next(entry for entry in archive.namelist() if entry.endswith(".dist-info/METADATA"))
            metadata = email.message_from_bytes(archive.read(name))
        for line in metadata.get_all("Requires-Dist", []):
            wish = Requirement(line)
            if _applies(wish, target) and not _fulfilled(wish, versions):
                wish.marker = None
                found.append((path.name, wish))
    return found


def wheel_faults(
    folder: Path, target: Target, requirements: Sequence[Path | str] = (), *, with_dependencies: bool = False
) -> list[str]:
    """What is wrong with a folder of wheels, a sentence each."""
    found: list[str] = []
    versions, tags = _versions(folder), target.tags
    for path in sorted(folder.glob("*.whl")):
        try:
            wheel_tags = parse_wheel_filename(path.name)[3]
        except InvalidWheelFilename:
            found.append(f"{path.name} is no name of a wheel; download it again")
            continue
        if not tags & wheel_tags:
            built = ", ".join(sorted(str(tag) for tag in wheel_tags)[:2])
            found.append(f"{path.name} is built for {built}, not for Python {target.python} on Linux x86-64")
    found += [
        f"{name} is there in {len(several)} versions ({', '.join(sorted(several))}); keep one"
        for name, several in versions.items()
        if len(several) > 1
    ]
    wishes = read_wishes(requirements, target)
    missing = [(asker, wish) for asker, wish in wishes if not _fulfilled(wish, versions)]
    missing += unfulfilled(folder, target) if with_dependencies else []
    return found + [f"no wheel fulfils {wish}, which {asker} asks for" for asker, wish in missing]


def _versions(folder: Path) -> dict[str, set[str]]:
    versions: dict[str, set[str]] = {}
    for path in folder.glob("*.whl"):
        with suppress(InvalidWheelFilename):
            name, version, _, _ = parse_wheel_filename(path.name)
            versions.setdefault(name, set()).add(str(version))
    return versions


def _fulfilled(wish: Requirement, versions: Mapping[str, Set[str]]) -> bool:
    there = versions.get(canonicalize_name(wish.name), ())
    return any(wish.specifier.contains(version, prereleases=True) for version in there)


def _applies(wish: Requirement, target: Target) -> bool:
    """Whether the target, without extras, needs it."""
    if wish.marker is None:
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
    return wish.marker.evaluate(environment)


def read_wishes(requirements: Sequence[Path | str], target: Target) -> list[tuple[str, Requirement]]:
    """Who asks for what: a file's name, or `--with`. Raises InputError."""
    found: list[tuple[str, Requirement]] = []
    for one in requirements:
        if isinstance(one, Path):
            found += [(one.name, wish) for wish in read_requirements(one, target)]
            continue
        try:
            found.append(("--with", Requirement(one)))
        except InvalidRequirement as error:
            raise InputError(
                f"--with must be a requirement such as torch==2.13.0, got {one!r} ({_first_line(error)})"
            ) from error
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
            raise InputError(f"{path}:{number}: {_first_line(error)}") from error
        if _applies(requirement, target):
            found.append(requirement)
    return found


def _first_line(error: InvalidRequirement) -> str:
    """Without the drawing of where it stands."""
    return str(error).splitlines()[0]


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
