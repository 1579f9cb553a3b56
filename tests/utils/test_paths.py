"""Paths that a process in another folder is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimo_solver.utils.paths import from_anywhere


def test_a_files_path_becomes_whole_and_a_name_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert from_anywhere("mine.toml") == str(tmp_path / "mine.toml")
    assert from_anywhere("numina-aimo1") == "numina-aimo1"
