"""Wheels that would overwrite each other's files: found, and resolved where one is known to replace the other."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from aimo_solver.kaggle.shared_files import leave_out_replaced, shared_files
from aimo_solver.kaggle.wheel_target import WheelTarget
from aimo_solver.kaggle.wheels import wheel_faults, write_lock
from tests.helpers.wheel import make_wheel

KAGGLE = WheelTarget("3.12")


def add(wheel: Path, name: str, text: str) -> Path:
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(name, text)
    return wheel


@pytest.fixture
def harmonies(tmp_path: Path) -> Path:
    """A folder of two wheels with the same module, as two of gpt-oss's prompts are, and of one that needs the first."""
    add(make_wheel(tmp_path, "openai_harmony", "0.0.8"), "harmony/__init__.py", "fetches = True\n")
    add(make_wheel(tmp_path, "oss_harmony", "0.0.11"), "harmony/__init__.py", "fetches = False\n")
    make_wheel(tmp_path, "engine", needs=["openai-harmony>=0.0.3", "oss-harmony"])
    return tmp_path


def test_two_wheels_with_the_same_file_are_refused(harmonies: Path) -> None:
    (fault,) = wheel_faults(harmonies, KAGGLE)
    assert fault.startswith("openai_harmony-0.0.8-py3-none-any.whl and oss_harmony-0.0.11-py3-none-any.whl both own ")
    assert "harmony/__init__.py (1 such files, which differ)" in fault


def test_files_with_the_same_contents_are_no_fault(tmp_path: Path) -> None:
    for name in ("first", "second"):
        add(make_wheel(tmp_path, name), "nvidia/__init__.py", "")
    assert shared_files(tmp_path) == {}


@pytest.mark.parametrize("inside", ["purelib", "platlib"])
def test_a_file_in_the_data_folder_is_the_same_file(tmp_path: Path, inside: str) -> None:
    add(make_wheel(tmp_path, "first"), "module/__init__.py", "1")
    add(make_wheel(tmp_path, "second"), f"second-1.0.data/{inside}/module/__init__.py", "2")
    assert list(shared_files(tmp_path).values()) == [["module/__init__.py"]]


def test_of_two_with_the_same_modules_the_known_one_stays(harmonies: Path) -> None:
    leave_out_replaced(harmonies)
    assert wheel_faults(harmonies, KAGGLE, with_dependencies=True) == []
    assert {path.name for path in harmonies.glob("o*.whl")} == {
        "openai_harmony-0.0.8+stand.in-py3-none-any.whl",
        "oss_harmony-0.0.11-py3-none-any.whl",
    }


def test_leaving_out_twice_changes_nothing(harmonies: Path) -> None:
    leave_out_replaced(harmonies)
    before = {path.name: path.read_bytes() for path in harmonies.iterdir()}
    leave_out_replaced(harmonies)
    assert {path.name: path.read_bytes() for path in harmonies.iterdir()} == before


def test_what_stands_for_a_wheel_satisfies_pip(harmonies: Path) -> None:
    leave_out_replaced(harmonies)
    place = harmonies / "environment"
    venv.create(place)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(place)]
    install = [*pip, "install", "--quiet", "--no-index", "--no-deps", "--find-links", str(harmonies)]
    subprocess.run([*install, "-r", str(write_lock(harmonies))], check=True)
    done = subprocess.run([*pip, "check"], check=False, capture_output=True, text=True)
    assert done.stdout == "No broken requirements found.\n"
    (module,) = place.glob("lib/*/site-packages/harmony/__init__.py")
    assert module.read_text() == "fetches = False\n"
