"""Credentials: whether the `kaggle` command will find any, before it is asked to send something.

Guarantees: only names are looked at, of environment variables and of files; what they hold is neither
read nor logged here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aimo_solver.errors import InputError

_FILES: Final = ("access_token", "access_token.txt", "credentials.json")
"""Files in ~/.kaggle: a token, or what `kaggle auth login` leaves."""
_KEY_FILE: Final = "kaggle.json"


def check_credentials(environment: Mapping[str, str] = os.environ) -> None:
    """Raises InputError if the `kaggle` command will not be able to log in."""
    if not has_credentials(environment):
        raise InputError(
            "there are no Kaggle credentials: run `kaggle auth login`, or set KAGGLE_API_TOKEN to a token from "
            "https://www.kaggle.com/settings/api"
        )


def has_credentials(environment: Mapping[str, str]) -> bool:
    """Returns whether one of the places where the `kaggle` command looks is filled."""
    if environment.get("KAGGLE_API_TOKEN") or environment.get("KAGGLE_API_V1_TOKEN_PATH"):
        return True
    if environment.get("KAGGLE_USERNAME") and environment.get("KAGGLE_KEY"):
        return True
    home = Path(environment.get("HOME") or Path.home())
    folder = home / ".kaggle"
    if any(_is_filled(folder / name) for name in _FILES):
        return True
    own = environment.get("KAGGLE_CONFIG_DIR")
    standard = Path(environment.get("XDG_CONFIG_HOME") or home / ".config", "kaggle")
    return _is_filled((Path(own) if own else folder if folder.exists() else standard) / _KEY_FILE)


def _is_filled(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError:  # Such as a folder that may not be entered.
        return False
