"""The iterator of AIMO1: `aimo.make_env()`, one-row pandas frames, the next row only after `predict`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

from aimo_solver.config.contest import Contest
from aimo_solver.errors import InputError


def serve(contest: Contest, *, competition: Path, answer: Callable[[object, object], int]) -> int:
    """Answers every problem of the iterator, and returns their number. `competition` is the contest's input folder.

    Raises InputError if its module is missing.
    """
    if contest.iterator is None:
        raise InputError(f"{contest.name} has no iterator; its problems come through an inference server")
    module = contest.iterator.module
    if (competition / module).is_dir() and str(competition) not in sys.path:
        sys.path.insert(0, str(competition))
    try:
        environment = importlib.import_module(module).make_env()
    except ImportError as error:
        raise InputError(f"{competition}: has no usable module {module} ({error}); attach the competition") from error
    asked = 0
    for test, sample_submission in environment.iter_test():
        # One row so far; a batch would be answered row by row.
        sample_submission["answer"] = [answer(id, text) for id, text in zip(test["id"], test["problem"], strict=True)]
        environment.predict(sample_submission)
        asked += len(test)
    return asked
