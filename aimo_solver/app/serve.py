"""Serving a contest: its problems from the gateway, through the solver, back to the gateway.

Guarantees: the server is up before the model is loaded; whatever breaks after that, every problem
gets an answer (kaggle/gateways/predictor.py); the limit's clock is the session's, installs and loading
included; the engine's processes end with the last problem. The answers are in the run folder, too, where
that can be written.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

from aimo_solver.app.options import RunOptions, options_to_toml
from aimo_solver.app.runtime import OpenRuntime, open_runtime
from aimo_solver.config.contest import Contest, contests_with
from aimo_solver.errors import InputError
from aimo_solver.kaggle.gateways import inference_server, iterator
from aimo_solver.kaggle.gateways.answerer import Answerer, SolverAnswerer
from aimo_solver.kaggle.gateways.front import answer_front, solver_side
from aimo_solver.kaggle.gateways.predict import make_predict
from aimo_solver.kaggle.gateways.predictor import Predictor
from aimo_solver.kaggle.inputs import find_competition, find_test_file
from aimo_solver.policies.ledger import Ledger
from aimo_solver.problems.problem import rule_of
from aimo_solver.problems.problem_set import load_problem_set
from aimo_solver.runs.replay import RunLimits
from aimo_solver.runs.summary import summarise
from aimo_solver.runs.writer import Recorder, RunFolder, new_run_path
from aimo_solver.utils.log import Log, unbreakable

CHECK_SECONDS = 15 * 60.0
"""Limit of a version that is saved against the public placeholder problems, which need not take hours."""
RESERVE_SECONDS = 60.0
LOAD_ATTEMPTS = 2
"""Of each of the ladder's settings: a refusal can be temporary, but hardly twice."""
CALL_RESERVE_SECONDS = 60.0
"""Kept between the solver's last moment and the gateway's, for a late answer and a slow data frame."""


@dataclass(frozen=True, slots=True)
class AttachedContest:
    """A contest's input folder, and the problems that a version is saved against."""

    contest: Contest
    folder: Path
    test_file: Path | None
    scored: bool
    """Whether this run is a submission's."""

    @property
    def problems(self) -> int:
        """How many problems will be asked, as far as is known."""
        if self.scored or self.test_file is None:
            return self.contest.problems
        return len(load_problem_set(self.test_file).problems)

    @property
    def description(self) -> str:
        """What this run is, for its first line."""
        kind = "a scoring run" if self.scored else f"a check with {self.problems} problems of {self.test_file}"
        return f"{self.contest.name} is attached at {self.folder}: {kind}, {self.limits.total_seconds / 60:.0f} minutes"

    @property
    def limits(self) -> RunLimits:
        """The session's time limits."""
        total_seconds = self.contest.limit_seconds if self.scored else CHECK_SECONDS
        call_seconds = math.inf if self.contest.call_seconds is None else self.contest.call_seconds
        return RunLimits(total_seconds, RESERVE_SECONDS, call_seconds - CALL_RESERVE_SECONDS)


def find_attached_contest(inputs: Path, contest: str = "") -> AttachedContest | None:
    """Returns the contest that is attached to this session, if any. Raises InputError for two.

    `contest`: a name, or the TOML file of one that is not shipped.
    """
    found = find_competition(inputs, contests_with(contest))
    if found is None:
        return None
    one, folder = found
    return AttachedContest(one, folder, find_test_file(folder), inference_server.is_scoring_run())


def serve_contest(
    attached: AttachedContest,
    options: RunOptions,
    runs_folder: Path,
    *,
    started_at: float,
    log: Log,
    open_runtime: OpenRuntime = open_runtime,
) -> Path:
    """Answers all that is asked and returns the run folder. `started_at`: when the session began (monotonic clock).

    Raises InputError in a run that is not scored when a problem was not answered by the solver itself.
    """
    show = unbreakable(log)
    limits = attached.limits
    rule = rule_of(attached.contest).with_fallback(options.rule.fallback)
    options = replace(options, rule=rule, limits=limits)
    ledger = Ledger(
        started_at, limits.total_seconds, reserve_seconds=limits.reserve_seconds, problems_left=attached.problems
    )
    path = new_run_path(runs_folder, attached.contest.name)

    @asynccontextmanager
    async def open_answerer() -> AsyncGenerator[Answerer]:
        settings = {"contest": attached.contest.name} | options_to_toml(options)
        with RunFolder(path, settings, warn=show, required=False) as run:

            def note(line: str) -> None:
                run.log(line)
                show(line)

            opening = open_runtime(
                options,
                note,
                ledger.ends_at,
                engine_log=path / "engine.log" if path.is_dir() else None,
                load_attempts=LOAD_ATTEMPTS,
                climbs=True,
                needs_scorer=False,
            )
            async with opening as runtime:
                answerer = SolverAnswerer(runtime.make_solver(Recorder(run)), ledger=ledger, folder=run, log=note)
                try:
                    yield answerer
                finally:
                    run.finish(summarise(answerer.solutions).to_json())

    front = solver_side()
    predictor = Predictor(open_answerer, rule=options.rule, ends_at=ledger.ends_at, log=log)
    predictor.start()
    try:
        _serve(attached, predictor, front)
    finally:
        predictor.close()
    if predictor.failed:
        failure = f"{predictor.failed} of {predictor.asked} problems were not answered by the solver"
        show(f"{failure}; the last because of {predictor.last_failure}")
        if not attached.scored:  # It can still be mended before a submission is saved.
            raise InputError(f"{failure} ({predictor.last_failure}); see {path}")
    return path


def _serve(attached: AttachedContest, predictor: Predictor, front: Connection | None) -> None:
    if front is not None:
        answer_front(front, predictor.answer)
    elif attached.contest.server is None:
        iterator.serve(attached.contest, competition=attached.folder, answer=predictor.answer)
    else:
        inference_server.serve(
            attached.contest,
            competition=attached.folder,
            predict=make_predict(predictor.answer),
            test_file=attached.test_file,
            scored=attached.scored,
        )
