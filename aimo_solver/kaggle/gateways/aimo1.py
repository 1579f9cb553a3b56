"""AIMO1's iterator: `aimo.make_env()`, one-row pandas frames, the next row only after `predict`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aimo_solver.errors import InputError

MODULE: Final = "aimo"


def serve(competition: Path, answer: Callable[[object, object], int]) -> int:
    """Answers every problem of the iterator, and returns their number. Raises InputError if its module is missing."""
    if (competition / MODULE).is_dir() and str(competition) not in sys.path:
        sys.path.insert(0, str(competition))
    try:
        environment = importlib.import_module(MODULE).make_env()
    except ImportError as error:
        raise InputError(f"{competition}: has no usable module {MODULE} ({error}); attach the competition") from error
    asked = 0
    for test, sample_submission in environment.iter_test():
        # One row so far; a batch would be answered row by row.
        sample_submission["answer"] = [answer(id, text) for id, text in zip(test["id"], test["problem"], strict=True)]
        environment.predict(sample_submission)
        asked += len(test)
    return asked
