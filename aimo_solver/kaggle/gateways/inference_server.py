"""The inference servers of AIMO2 and AIMO3: Kaggle's own, from the competition's input folder.

In a scoring run the server must be up within minutes, before the model is loaded; the first call may
take any time. When a version is saved, the same server runs its own gateway over a test file.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from aimo_solver.config.contest import Contest
from aimo_solver.errors import InputError

RERUN_VARIABLE: Final = "KAGGLE_IS_COMPETITION_RERUN"


def is_scoring_run() -> bool:
    """Whether Kaggle runs this for a score, and not to save a version."""
    return bool(os.environ.get(RERUN_VARIABLE))


def serve(
    contest: Contest, *, competition: Path, predict: Callable[..., Any], test_file: Path | None, scored: bool
) -> None:
    """Answers everything that the contest asks, then returns. `competition` is its input folder.

    Raises InputError if the competition's package is missing, or there is no test file to answer.
    """
    prepare(contest, competition=competition, test_file=test_file, scored=scored)(predict)


def prepare(
    contest: Contest, *, competition: Path, test_file: Path | None, scored: bool
) -> Callable[[Callable[..., Any]], None]:
    """Loads the contest's server, and returns a function that answers everything with a `predict`, then returns.

    Raises InputError as `serve` does.
    """
    server_class = _server_class(contest, competition)
    if not scored and test_file is None:
        raise InputError(f"{competition}: has neither test.csv nor reference.csv; attach the competition's data")

    def serve_with(predict: Callable[..., Any]) -> None:
        server = server_class(predict)
        if scored:
            server.serve()
        else:
            server.run_local_gateway((str(test_file),))

    return serve_with


def _server_class(contest: Contest, competition: Path) -> Callable[..., Any]:
    if contest.server is None:
        raise InputError(f"{contest.name} has no inference server; its problems come from an iterator")
    module_name, class_name = contest.server.module, contest.server.class_name
    package = module_name.partition(".")[0]
    if (competition / package).is_dir():
        if str(competition) not in sys.path:
            sys.path.insert(0, str(competition))
    elif importlib.util.find_spec(package) is None:  # It may also be installed.
        raise InputError(
            f"{competition}: has no folder {package}, and no such package is installed; attach the competition "
            f"{contest.slug}"
        )
    try:
        return getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{package}: cannot be used ({error}); it needs grpcio and protobuf") from error
