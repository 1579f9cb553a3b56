"""Wheels for a machine without internet: downloaded by pip for that machine, checked, and locked.

Guarantees: a wheel that the target cannot use, a requirement that no wheel meets (including the
wheels' own requirements, evaluated with the target's environment markers), and two wheels that own
the same file are named before anything is uploaded; the lock lists every wheel with its hash, so what
is installed there is what was checked here. A locked environment (`requirements/`) is downloaded as it
stands. Of anything else pip resolves the needs, but evaluates markers for the Python it runs in: what
it leaves out for the target's Python is downloaded in further rounds.
"""

from __future__ import annotations

import email
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from aimo_solver.errors import InputError
from aimo_solver.kaggle.requirements_file import is_locked, lock_for_target, parse_requirements
from aimo_solver.kaggle.shared_files import shared_files
from aimo_solver.kaggle.wheel_target import WheelTarget
from aimo_solver.utils.files import write_text

LOCK: Final = "aimo-wheels.lock"
"""File in a folder of wheels. `kernel.py` installs from every attached folder that has one."""
MAX_ROUNDS: Final = 5
"""Further downloads of what the target's Python needs; each may bring new requirements."""


def download_wheels(
    requirements: Sequence[Path | str],
    target: WheelTarget,
    folder: Path,
    *,
    with_dependencies: bool = True,
    quiet: bool = False,
) -> None:
    """Downloads wheels with pip. Requirements are files, or single requirements as text.

    A locked file is downloaded as it stands, as everything that its wheels need is in it. Raises InputError with pip's
    error lines.
    """
    files = [one for one in requirements if isinstance(one, Path) and is_locked(one)]
    for path in files:
        with tempfile.TemporaryDirectory(prefix="aimo-lock-") as temporary:
            lock = Path(temporary, path.name)
            write_text(lock, lock_for_target(path, target))
            _download([lock], target, folder, with_dependencies=False, quiet=quiet)
    others = [one for one in requirements if one not in files]
    if others:
        _download(others, target, folder, with_dependencies=with_dependencies, quiet=quiet)
    for _ in range(MAX_ROUNDS if with_dependencies and others else 0):
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
            if target.needs(requirement) and not _is_met(requirement, versions):
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
    found += [
        f"{one} and {other} both own {files[0]} ({len(files)} such files, which differ); leave out one of the two"
        for (one, other), files in shared_files(folder).items()
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
