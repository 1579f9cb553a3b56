"""Runs: a problem set through the engine into a run folder, or the rest of a run that was killed.

Guarantees: bad input is reported before the model is loaded; once it is loaded, the submission holds an
integer for every problem, also when the run is interrupted; the engine's processes are ended.
"""

from __future__ import annotations

import asyncio
import shutil
import tomllib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import tomli_w
from rich.console import Console

from aimo_solver import __version__
from aimo_solver.app.options import RunOptions, options_of_run, options_to_toml
from aimo_solver.app.runtime import OpenRuntime, Runtime, open_runtime
from aimo_solver.engine.supervised import EngineRestart
from aimo_solver.errors import InputError
from aimo_solver.kaggle.submission import Submission
from aimo_solver.problems.problem import AnswerRule
from aimo_solver.problems.problem_set import ProblemSet
from aimo_solver.reports.live import LiveScreen
from aimo_solver.rollouts.base import RolloutTask
from aimo_solver.rollouts.search import training_rows
from aimo_solver.rollouts.search.node import Node
from aimo_solver.rollouts.search.search_rollouts import TreeFinished, forget_tree
from aimo_solver.runs.reader import LoggedRun, read_run
from aimo_solver.runs.replay import Past, replay
from aimo_solver.runs.summary import summarise
from aimo_solver.runs.writer import Recorder, RunFolder, new_run_path, without_none
from aimo_solver.solver.observer import Observers
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.contained import CONTAINABLE
from aimo_solver.utils.log import console_log

MAX_FOLDER_NAME_CHARS: Final = 60
UNCOMPARED_SETTINGS: Final = frozenset({"preset_name", "prompt", "dialect_reason"})
"""A preset is compared by what it says, not by what its file is called, nor by the day on which it was filled in."""


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """A finished run."""

    folder: Path
    solutions: tuple[Solution, ...]
    restarts: tuple[EngineRestart, ...]

    def to_json(self) -> dict[str, Any]:
        restarts = [asdict(restart) for restart in self.restarts]
        return summarise(self.solutions).to_json() | {"engine_restarts": restarts, "folder": str(self.folder)}


AfterRun = Callable[[Runtime, RunOutcome], Awaitable[None]]


async def run_set(
    options: RunOptions,
    problem_set: ProblemSet,
    runs_folder: Path,
    console: Console,
    *,
    runs: int = 1,
    at_once: int = 1,
    submission: Path | None = None,
    started_at: float | None = None,
    after: AfterRun | None = None,
    runtime: Runtime | None = None,
    open_runtime: OpenRuntime = open_runtime,
) -> RunOutcome:
    """Answers the set into a new run folder, and writes the submission where one is wanted.

    `after` may use the engine once more before it ends. A `runtime` that is open is used and left open.
    """
    answers = {problem.id: options.rule.fallback for problem in problem_set.problems}
    kept = None if submission is None else Submission(submission, answers, log=console_log(console))
    path = new_run_path(runs_folder, _folder_name(problem_set.name))
    _report_golds(problem_set, options.rule, console)
    settings = {"version": __version__, "problem_set": problem_set.name, "runs": runs, "at_once": at_once}
    work = _Replay(
        options=options,
        problem_set=problem_set,
        runs=runs,
        at_once=at_once,
        started_at=asyncio.get_running_loop().time() if started_at is None else started_at,
        console=console,
        after=after,
        runtime=runtime,
        open_runtime=open_runtime,
    )
    with RunFolder(
        path, settings | options_to_toml(options), problem_set.problems, warn=console_log(console)
    ) as folder:
        outcome = await _answer_set(work, folder, kept)
    if not folder.whole:
        raise InputError(f"{path}: not everything could be written, as was said; make room on the disk")
    return outcome


async def _answer_set(work: _Replay, folder: RunFolder, submission: Submission | None) -> RunOutcome:
    """Runs it. The submission is whole from the moment the model is loaded, and is finished before this returns."""
    loaded = False
    try:
        async with work.open(folder) as runtime:
            loaded = True
            if submission is None:
                return await work.go(folder, runtime)
            submission.save()
            return await work.go(folder, runtime, lambda done: submission.answer(done.problem.id, done.answer))
    except asyncio.CancelledError:
        if not loaded:
            work.say("interrupted before the model had loaded: nothing was answered")
        raise
    finally:
        if not loaded:
            shutil.rmtree(folder.path, ignore_errors=True)
        elif submission is not None:
            submission.finish()


async def resume(
    path: Path,
    console: Console,
    *,
    after: AfterRun | None = None,
    runtime: Runtime | None = None,
    open_runtime: OpenRuntime = open_runtime,
) -> RunOutcome:
    """Resumes the run of that folder, whatever ended it: what was finished is kept. Raises InputError."""
    started_at = asyncio.get_running_loop().time()
    logged = read_run(path).to_resume()
    if not logged.problems or not all(problem.text for problem in logged.problems):
        raise InputError(f"{path}: has no statements, so the run cannot be resumed; start a new one")
    work = _Replay(
        options=options_of_run(logged.settings, path),
        problem_set=ProblemSet(str(logged.settings.get("problem_set", logged.name)), logged.problems),
        runs=int(logged.settings.get("runs", 1)),
        at_once=int(logged.settings.get("at_once", 1)),
        started_at=started_at,
        console=console,
        after=after,
        runtime=runtime,
        open_runtime=open_runtime,
        logged=logged,
    )
    asked = work.runs * len(work.problem_set.problems)
    console.print(f"{path}: {len(logged.solutions)} of {asked} answers are there", highlight=False)
    if len(logged.solutions) >= asked and after is None:
        return RunOutcome(path, logged.solutions, ())
    with RunFolder.resume(path, logged, warn=console_log(console)) as folder:
        folder.log(f"resumed after {len(logged.solutions)} of {asked} answers")
        async with work.open(folder) as opened:
            return await work.go(folder, opened)


def begun_run(folder: Path, options: RunOptions, problem_set: ProblemSet, runs: int) -> LoggedRun | None:
    """Returns the latest run in a study's folder, whole or begun; None where there is none.

    Raises InputError for one of other settings, problems or seeds, so that its figures are never taken for
    those asked for.
    """
    found = sorted(path.parent for path in folder.glob("*/settings.toml"))
    if not found:
        return None
    run = read_run(found[-1])
    wanted = tomllib.loads(tomli_w.dumps(without_none(options_to_toml(options) | {"runs": runs})))
    differing = [
        name for name, value in wanted.items() if run.settings.get(name) != value and name not in UNCOMPARED_SETTINGS
    ]
    if [problem.id for problem in run.problems] != [problem.id for problem in problem_set.problems]:
        differing.append("problems")
    if differing:
        raise InputError(f"{run.path}: was begun with another {' and '.join(differing)}; name another --out")
    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replay:
    """A replay as it was asked for."""

    options: RunOptions
    problem_set: ProblemSet
    runs: int
    at_once: int
    started_at: float
    console: Console
    after: AfterRun | None
    runtime: Runtime | None
    open_runtime: OpenRuntime
    logged: LoggedRun | None = None
    """What an earlier process left."""

    def say(self, line: str) -> None:
        """Prints a line, if there still is a terminal."""
        with suppress(*CONTAINABLE):
            self.console.print(line, soft_wrap=True, markup=False, highlight=False)

    def open(self, folder: RunFolder) -> AbstractAsyncContextManager[Runtime]:
        show = console_log(self.console)

        def log(line: str) -> None:
            folder.log(line)
            show(line)

        if self.runtime is not None:
            log(self.options.description)
            return nullcontext(self.runtime.refitted(self.options, log))
        limits = self.options.limits
        ends_at = self.started_at + limits.total_seconds - limits.reserve_seconds
        measured = self.after is not None
        return self.open_runtime(self.options, log, ends_at, engine_log=folder.path / "engine.log", measured=measured)

    async def go(
        self, folder: RunFolder, runtime: Runtime, finished: Callable[[Solution], None] | None = None
    ) -> RunOutcome:
        restarts_before = len(runtime.engine.restarts)  # Those of another method's run.
        logged = self.logged
        past = Past() if logged is None else Past(logged.solutions, {r: logged.seconds_of(r) for r in range(self.runs)})
        recorded = () if logged is None else logged.trajectories
        problems = len(self.problem_set.problems) * self.runs
        with LiveScreen(self.console, problems, past.solutions) as screen:
            lanes = [Observers((Recorder(folder), screen.lane())) for _ in range(self.at_once)]
            try:
                solutions = await replay(
                    [runtime.make_solver(lane, recorded, _tree_keeper(self.options, folder)) for lane in lanes],
                    self.problem_set,
                    limits=self.options.limits,
                    folder=folder,
                    runs=self.runs,
                    started_at=self.started_at,
                    past=past,
                    finished=finished,
                )
            except asyncio.CancelledError:
                self.say(f"interrupted; resume it with: aimo replay --resume {folder.path}")
                raise
        outcome = RunOutcome(folder.path, tuple(solutions), tuple(runtime.engine.restarts[restarts_before:]))
        folder.finish(outcome.to_json())
        if self.after is not None:
            await self.after(runtime, outcome)
        return outcome


def _tree_keeper(options: RunOptions, folder: RunFolder) -> TreeFinished:
    preset = options.preset

    def keep(task: RolloutTask, root: Node) -> None:
        folder.add_steps(training_rows(task.problem, root, preset.rollout.prefill))

    return keep if preset.search is not None and preset.search.keep_trees else forget_tree


def _folder_name(name: str) -> str:
    return name if len(name) <= MAX_FOLDER_NAME_CHARS else f"{name[:40]}-and-more"


def _report_golds(problem_set: ProblemSet, rule: AnswerRule, console: Console) -> None:
    outside = problem_set.golds_outside(rule)
    if outside:
        console.print(f"{outside} of {len(problem_set.problems)} gold answers are outside the rule {rule.name}")
