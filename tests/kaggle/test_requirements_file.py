"""Locked environments: read for the target's Python, whatever Python reads them, and chosen by a driver's version."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from aimo_solver.errors import InputError
from aimo_solver.kaggle.requirements_file import (
    LOCKED_ENVIRONMENTS,
    choose_lock,
    is_locked,
    lock_for_target,
    locked_requirements,
    read_requirements,
)
from aimo_solver.kaggle.wheel_target import WheelTarget

LOCKED = """\
both==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via something
newer==2.0 ; python_full_version >= '3.12' \\
    --hash=sha256:cc
older==3.0 ; python_version < '3.12' --hash=sha256:dd
"""


@pytest.mark.parametrize(
    ("driver", "lock"),
    [("580", "cuda13"), ("595.12", "cuda13"), ("579.99", "cuda12"), ("525.60.13", "cuda12")],
)
def test_a_driver_chooses_the_newest_lock_that_it_runs(driver: str, lock: str) -> None:
    assert choose_lock(driver) == lock


@pytest.mark.parametrize("driver", ["470.82", "", "new"])
def test_a_driver_too_old_for_any_lock_is_refused(driver: str) -> None:
    with pytest.raises(InputError, match=f"driver must be a version from 525 on, got '{driver}'"):
        choose_lock(driver)


def test_an_unknown_lock_is_refused() -> None:
    with pytest.raises(InputError, match="lock must be one of cuda13, cuda12, cpu, got 'cuda11'"):
        locked_requirements("cuda11")


@pytest.mark.parametrize(("python", "names"), [("3.11", ["both", "older"]), ("3.12", ["both", "newer"])])
def test_a_lock_is_read_with_the_markers_of_the_target(tmp_path: Path, python: str, names: list[str]) -> None:
    path = tmp_path / "locked.txt"
    path.write_text(LOCKED)
    lines = lock_for_target(path, WheelTarget(python)).splitlines()
    assert [line.partition("==")[0] for line in lines] == names
    assert lines[0] == "both==1.0 --hash=sha256:aa --hash=sha256:bb"
    assert ";" not in lines[1]


def test_a_file_without_hashes_is_not_locked(tmp_path: Path) -> None:
    path = tmp_path / "free.txt"
    path.write_text("both==1.0\n")
    assert not is_locked(path)


@pytest.mark.parametrize("name", LOCKED_ENVIRONMENTS)
def test_every_line_of_a_locked_environment_has_one_version_and_hashes(name: str) -> None:
    for python in ("3.12", "3.13"):
        lines = lock_for_target(locked_requirements(name), WheelTarget(python)).splitlines()
        assert len(lines) > 100
        assert all(re.fullmatch(r"[a-z0-9.-]+==[^ ]+( --hash=sha256:[0-9a-f]{64})+", line) for line in lines)
        assert len({line.partition("==")[0] for line in lines}) == len(lines)


@pytest.mark.parametrize("name", LOCKED_ENVIRONMENTS)
def test_a_locked_environment_has_what_the_project_asks_for(name: str) -> None:
    project = tomllib.loads((locked_requirements(name).parents[1] / "pyproject.toml").read_text())["project"]
    pinned = {one.name: one for one in read_requirements(locked_requirements(name), WheelTarget("3.12"))}
    for line in project["dependencies"]:
        wanted = Requirement(line)
        (pin,) = pinned[wanted.name].specifier
        assert wanted.specifier.contains(pin.version), f"{name}: {line}, and {pin.version} is pinned"


@pytest.mark.parametrize("name", ["cuda12", "cuda13"])
def test_protobuf_stays_with_what_kaggles_image_has(name: str) -> None:
    """Code that an older protoc generated, as the contests' is, refuses a runtime two major versions newer."""
    pinned = {one.name: str(one.specifier) for one in read_requirements(locked_requirements(name), WheelTarget("3.12"))}
    assert pinned["protobuf"].startswith("==5.29.")
    assert "openai-harmony" not in pinned
