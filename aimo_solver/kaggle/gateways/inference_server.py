"""AIMO2's and AIMO3's inference servers: Kaggle's own, from the competition's input folder.

In a scoring run the server waits for the gateway and answers before the model is loaded: it must
be up within minutes, and the first call may take as long as it likes. Elsewhere (a version being
saved) the same server plays its own gateway over a test file.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aimo_solver.errors import InputError
from aimo_solver.kaggle.contests import Contest

RERUN_VARIABLE = "KAGGLE_IS_COMPETITION_RERUN"
PACKAGE = "kaggle_evaluation"


def is_scoring_run() -> bool:
    """Whether Kaggle runs this for the score, and not to save a version."""
    return bool(os.environ.get(RERUN_VARIABLE))


def serve(
    contest: Contest, competition: Path, predict: Callable[..., Any], test_file: Path | None, *, scored: bool
) -> None:
    """Answers everything the contest asks, then returns. `competition` is its input folder.

    Raises InputError where its package is not there, or there is nothing to ask.
    """
    server = _server_class(contest, competition)(predict)
    if scored:
        server.serve()
    elif test_file is None:
        raise InputError(f"{competition}: holds no test.csv or reference.csv to answer; attach the competition's data")
    else:
        server.run_local_gateway((str(test_file),))


def _server_class(contest: Contest, competition: Path) -> Callable[..., Any]:
    if contest.server is None:
        raise InputError(f"{contest.name} has no inference server; it is asked through its iterator")
    module_name, class_name = contest.server
    if not (competition / PACKAGE).is_dir():
        raise InputError(f"{competition}: has no folder {PACKAGE}; attach the competition {contest.slug}")
    if str(competition) not in sys.path:
        sys.path.insert(0, str(competition))
    try:
        return getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{competition / PACKAGE}: cannot be used ({error}); it needs grpcio and protobuf") from error
