"""Serving: a contest's problems from its gateway, through the solver, back to its gateway.

Guarantees: the server is up before the model is loaded; whatever breaks behind it, every problem
gets an answer (`gateways/predictor.py`); the limit's clock is the session's, installs and loading
included; the engine's processes end with the last problem. What was answered is in the run folder.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from aimo_solver.app.options import RunOptions, described_options
from aimo_solver.app.runtime import open_runtime
from aimo_solver.errors import InputError
from aimo_solver.kaggle.contests import Contest
from aimo_solver.kaggle.gateways import aimo1, inference_server
from aimo_solver.kaggle.gateways.answerer import Answerer, SolverAnswerer
from aimo_solver.kaggle.gateways.predict import make_predict
from aimo_solver.kaggle.gateways.predictor import Predictor
from aimo_solver.kaggle.inputs import find_competition, find_test_file
from aimo_solver.policies.ledger import Ledger
from aimo_solver.problems.problem_set import load_problem_set
from aimo_solver.runs.replay import RunLimits
from aimo_solver.runs.summary import summarise
from aimo_solver.runs.writer import Recorder, RunFolder, new_run_path
from aimo_solver.utils.log import Log

CHECK_SECONDS = 15 * 60.0
"""A version saved against the public placeholder problems need not take the contest's hours."""
RESERVE_SECONDS = 60.0
LOAD_ATTEMPTS = 3
"""In a contest there is time to try again, and nobody to ask."""
CALL_RESERVE_SECONDS = 60.0
"""Between the solver's last moment and the gateway's: what a late answer and a slow frame may take."""


@dataclass(frozen=True, slots=True)
class AttachedContest:
    """What is served: a contest, its input folder, and the problems a version is saved against."""

    contest: Contest
    folder: Path
    test_file: Path | None
    scored: bool
    """Whether this run counts."""

    @property
    def problems(self) -> int:
        """How many will be asked, as far as is known."""
        if self.scored or self.test_file is None:
            return self.contest.problems
        return len(load_problem_set(self.test_file).problems)

    @property
    def told(self) -> str:
        """What this run is, for its first line."""
        kind = "a scoring run" if self.scored else f"a check with {self.problems} problems of {self.test_file}"
        return f"{self.contest.name} is attached at {self.folder}: {kind}, {self.limits.total_seconds / 60:.0f} minutes"

    @property
    def limits(self) -> RunLimits:
        """The session's time."""
        total_seconds = self.contest.limit_seconds if self.scored else CHECK_SECONDS
        return RunLimits(total_seconds, RESERVE_SECONDS, self.contest.call_seconds - CALL_RESERVE_SECONDS)


def find_attached_contest(inputs: Path) -> AttachedContest | None:
    """The contest attached to this session, if any. Raises InputError for two."""
    found = find_competition(inputs)
    if found is None:
        return None
    contest, folder = found
    return AttachedContest(contest, folder, find_test_file(folder), inference_server.is_scoring_run())


def serve_contest(
    attached: AttachedContest, options: RunOptions, runs_folder: Path, started_at: float, log: Log
) -> Path:
    """Answers all that is asked; the run folder. `started_at` is when the session began (monotonic clock).

    Raises InputError in a run that is not scored when a problem was not answered by the solver itself.
    """
    rule = attached.contest.rule.with_fallback(options.rule.fallback)
    options = replace(options, rule=rule, limits=attached.limits)
    ledger = Ledger(started_at, attached.limits.total_seconds, attached.limits.reserve_seconds, attached.problems)
    path = new_run_path(runs_folder, attached.contest.name)

    @asynccontextmanager
    async def open_answerer() -> AsyncIterator[Answerer]:
        described = {"contest": attached.contest.name} | described_options(options)
        with RunFolder(path, described) as run:

            def note(line: str) -> None:
                run.log(line)
                log(line)

            parts = open_runtime(
                options, note, ledger.ends_at, path / "engine.log", load_attempts=LOAD_ATTEMPTS, needs_scorer=False
            )
            async with parts as runtime:
                answerer = SolverAnswerer(runtime.make_solver(Recorder(run), ()), ledger, run, note)
                try:
                    yield answerer
                finally:
                    run.finish(summarise(answerer.solutions).to_json())

    predictor = Predictor(open_answerer, options.rule, ledger.ends_at, log)
    predictor.start()
    try:
        _serve(attached, predictor)
    finally:
        predictor.close()
    if predictor.failed:
        told = f"{predictor.failed} of {predictor.asked} problems were not answered by the solver"
        log(f"{told}; the last because of {predictor.last_failure}")
        if not attached.scored:  # Now it can still be mended, and a submission saved.
            raise InputError(f"{told} ({predictor.last_failure}); see {path}")
    return path


def _serve(attached: AttachedContest, predictor: Predictor) -> None:
    if attached.contest.server is None:
        aimo1.serve(attached.folder, predictor.answer)
    else:
        predict = make_predict(predictor.answer)
        inference_server.serve(attached.contest, attached.folder, predict, attached.test_file, scored=attached.scored)
