"""Damaged files are named before an upload."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimo_solver.errors import InputError
from aimo_solver.kaggle.damaged_files import check_files, file_faults
from tests.helpers.wheel import make_wheel


def test_whole_files_pass(tmp_path: Path) -> None:
    make_wheel(tmp_path, "first")
    (tmp_path / "link.whl").symlink_to("first-1.0-py3-none-any.whl")
    check_files(tmp_path)


@pytest.mark.parametrize("kept_bytes", [0, 100])
def test_a_wheel_that_was_cut_off_is_named(tmp_path: Path, kept_bytes: int) -> None:
    wheel = make_wheel(tmp_path, "first")
    wheel.write_bytes(wheel.read_bytes()[:kept_bytes])
    (sentence,) = file_faults(tmp_path)
    assert sentence.startswith(f"first-1.0-py3-none-any.whl is cut off or damaged after {kept_bytes} bytes")


def test_a_broken_link_is_named_in_subfolders_too(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "weights.safetensors").symlink_to("/nowhere/blob")
    with pytest.raises(InputError, match=r"below/weights\.safetensors is a broken link to /nowhere/blob"):
        check_files(tmp_path)


def test_many_faults_are_counted(tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / f"{number}.zip").touch()
    with pytest.raises(InputError, match=r"0\.zip is cut off .*; and 2 more"):
        check_files(tmp_path)
