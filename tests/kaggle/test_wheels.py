"""Wheels for another machine: what does not fit is named, what fits is locked, and the lock installs offline."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from aimo_solver.errors import InputError
from aimo_solver.kaggle.requirements_file import read_requirements
from aimo_solver.kaggle.wheel_target import WheelTarget
from aimo_solver.kaggle.wheels import LOCK, download_wheels, wheel_faults, write_lock
from tests.helpers.wheel import make_wheel

KAGGLE = WheelTarget("3.12")


@pytest.mark.parametrize(
    "tag",
    ["py3-none-any", "cp312-cp312-manylinux_2_28_x86_64", "cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64",
     "cp310-abi3-manylinux1_x86_64", "py3-none-manylinux_2_35_x86_64"],
)  # fmt: skip
def test_a_wheel_for_the_target_is_taken(tmp_path: Path, tag: str) -> None:
    make_wheel(tmp_path, "fits", tag=tag)
    assert wheel_faults(tmp_path, KAGGLE) == []


@pytest.mark.parametrize(
    "tag",
    ["cp311-cp311-manylinux_2_28_x86_64", "cp312-cp312-macosx_11_0_arm64", "cp312-cp312-manylinux_2_39_x86_64",
     "cp312-cp312-win_amd64", "cp312-cp312-manylinux_2_17_aarch64"],
)  # fmt: skip
def test_a_wheel_for_another_machine_is_named(tmp_path: Path, tag: str) -> None:
    path = make_wheel(tmp_path, "other", tag=tag)
    (fault,) = wheel_faults(tmp_path, KAGGLE)
    assert fault.startswith(f"{path.name} is built for ")
    assert fault.endswith("not for Python 3.12 on Linux x86-64")


def test_a_requirement_without_a_wheel_is_named(tmp_path: Path) -> None:
    make_wheel(tmp_path, "there", "2.1")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("# what it needs\nThere>=2  # yes\nabsent==1.0\nthere<2; python_version < '3.12'\n")
    assert wheel_faults(tmp_path, KAGGLE, [requirements]) == [
        "no wheel meets absent==1.0, which requirements.txt requires"
    ]


def test_requirements_of_wheels_are_read_with_the_markers_of_the_target(tmp_path: Path) -> None:
    needs = ["older; python_version < '3.12'", "newer>=2; python_version > '3.11'", "extra-thing; extra == 'all'"]
    asker = make_wheel(tmp_path, "asker", needs=needs)
    assert wheel_faults(tmp_path, KAGGLE) == []
    faults = [f"no wheel meets newer>=2, which {asker.name} requires"]
    assert wheel_faults(tmp_path, KAGGLE, with_dependencies=True) == faults


def test_what_the_targets_python_needs_is_downloaded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index, out = tmp_path / "index", tmp_path / "out"
    index.mkdir()
    other = "3.12" if sys.version_info < (3, 12) else "3.11"
    make_wheel(index, "asker", needs=[f"needed; python_version == '{other}'"])
    make_wheel(index, "needed")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    download_wheels(["asker"], WheelTarget(other), out, quiet=True)
    assert {path.name.partition("-")[0] for path in out.iterdir()} == {"asker", "needed"}


def test_two_versions_of_one_wheel_are_named(tmp_path: Path) -> None:
    for version in ("1.0", "2.0"):
        make_wheel(tmp_path, "twice", version)
    assert wheel_faults(tmp_path, KAGGLE) == ["twice is there in 2 versions (1.0, 2.0); keep one"]


def test_a_file_that_is_not_a_wheel_is_named(tmp_path: Path) -> None:
    (tmp_path / "strange.whl").touch()
    assert wheel_faults(tmp_path, KAGGLE) == ["strange.whl is not a valid wheel name; download it again"]


def test_a_broken_requirement_is_reported_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("good==1\nbad==\n")
    with pytest.raises(InputError, match=r"requirements\.txt:2: "):
        read_requirements(tmp_path / "requirements.txt", KAGGLE)


@pytest.mark.parametrize("python", ["3", "four", "2.7"])
def test_an_impossible_python_is_refused(python: str) -> None:
    with pytest.raises(InputError, match=r"python must be a version such as 3\.12"):
        WheelTarget(python)


def test_what_pip_cannot_download_is_named(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("no-such-thing-at-all==1.0\n")
    with pytest.raises(InputError, match=r"pip cannot download for Python 3\.12: .*no-such-thing-at-all"):
        download_wheels([tmp_path / "requirements.txt"], KAGGLE, tmp_path / "out", quiet=True)


def install(folder: Path, place: Path) -> subprocess.CompletedProcess[str]:
    """Installs as kernel.py does."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(place)]
    command = [*pip, "--find-links", str(folder), "-r", str(folder / LOCK)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_the_lock_installs_without_a_network(tmp_path: Path) -> None:
    make_wheel(tmp_path, "first")
    make_wheel(tmp_path, "second", "2.5")
    write_lock(tmp_path)
    done = install(tmp_path, tmp_path / "place")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "place/second.py").is_file()


def test_a_wheel_that_was_changed_later_is_not_installed(tmp_path: Path) -> None:
    make_wheel(tmp_path, "first")
    write_lock(tmp_path)
    with zipfile.ZipFile(tmp_path / "first-1.0-py3-none-any.whl", "a") as archive:
        archive.writestr("evil.py", "")
    assert "HASHES" in install(tmp_path, tmp_path / "place").stderr
