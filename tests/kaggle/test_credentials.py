"""Credentials are looked for where the `kaggle` command looks, and not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimo_solver.errors import InputError
from aimo_solver.kaggle.credentials import check_credentials, has_credentials


@pytest.mark.parametrize(
    ("variables", "there"),
    [
        ({}, False),
        ({"KAGGLE_USERNAME": "me"}, False),
        ({"KAGGLE_USERNAME": "me", "KAGGLE_KEY": "x"}, True),
        ({"KAGGLE_API_TOKEN": "x"}, True),
        ({"KAGGLE_API_TOKEN": ""}, False),
    ],
)
def test_variables_are_credentials(tmp_path: Path, variables: dict[str, str], there: bool) -> None:
    assert has_credentials({"HOME": str(tmp_path)} | variables) is there


@pytest.mark.parametrize(
    "name",
    [".kaggle/access_token", ".kaggle/credentials.json", ".kaggle/kaggle.json", ".config/kaggle/kaggle.json"],
)
def test_files_are_credentials_unless_they_are_empty(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.touch()
    assert not has_credentials({"HOME": str(tmp_path)})
    path.write_bytes(b"\xff never read")
    assert has_credentials({"HOME": str(tmp_path)})


def test_a_folder_of_ones_own_replaces_the_standard_one(tmp_path: Path) -> None:
    (tmp_path / "kaggle.json").write_text("{}")
    assert has_credentials({"HOME": "/nowhere", "KAGGLE_CONFIG_DIR": str(tmp_path)})


def test_missing_credentials_name_the_cure(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no Kaggle credentials: run `kaggle auth login`, or set KAGGLE_API_TOKEN"):
        check_credentials({"HOME": str(tmp_path)})
