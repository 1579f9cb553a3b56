"""The kernel's entry: a contest's problems where one is attached, else those of a file.

Guarantees for a file (`serving` has a contest's): bad input is told before the model is loaded;
once it is loaded, `submission.parquet` holds an integer for every problem, also when the run is
interrupted; the engine's processes are ended.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from aimo_solver import __version__
from aimo_solver.app.doctor import Patient
from aimo_solver.app.options import DEFAULT_LIMIT_SECONDS, RunOptions, described_options, logged_options, run_options
from aimo_solver.app.runtime import Runtime, examine, open_runtime
from aimo_solver.app.serve import find_attached_contest, serve_contest
from aimo_solver.engine.hardware import AUTO
from aimo_solver.engine.supervised import EngineRestart
from aimo_solver.errors import AimoError, InputError
from aimo_solver.kaggle.inputs import INPUT_ROOT, INPUTS_VARIABLE, find_checkpoint
from aimo_solver.kaggle.submission import check_submission_path, write_submission
from aimo_solver.problems.problem import AnswerRule
from aimo_solver.problems.problem_set import ProblemSet, load_problem_set
from aimo_solver.reports.live import LiveScreen
from aimo_solver.reports.tables import run_table
from aimo_solver.rollouts.base import RolloutTask
from aimo_solver.rollouts.search import training_rows
from aimo_solver.rollouts.search.node import Node
from aimo_solver.rollouts.search.search_rollouts import TreeFinished, forget_tree
from aimo_solver.runs.reader import LoggedRun, read_run
from aimo_solver.runs.replay import Past, replay
from aimo_solver.runs.summary import summarise
from aimo_solver.runs.writer import Recorder, RunFolder, new_run_path
from aimo_solver.solver.observer import Observers
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.paths import DEMO_MODEL, DEMO_SET

INTERRUPTED = 130
"""The shell's exit code for Ctrl-C."""


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """A finished run."""

    folder: Path
    solutions: tuple[Solution, ...]
    restarts: tuple[EngineRestart, ...]

    def to_json(self) -> dict[str, Any]:
        restarts = [asdict(restart) for restart in self.restarts]
        return summarise(self.solutions).to_json() | {"engine_restarts": restarts, "folder": str(self.folder)}


After = Callable[[Runtime, RunOutcome], Awaitable[None]]


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
    after: After | None = None,
    runtime: Runtime | None = None,
) -> RunOutcome:
    """Answers the set into a new run folder, and writes the submission where one is wanted.

    `after` may use the engine once more, before it ends. A `runtime` that is open is used and left open.
    """
    begun = asyncio.get_running_loop().time() if started_at is None else started_at
    if submission is not None:
        check_submission_path(submission)
    path = new_run_path(runs_folder, _folder_name(problem_set.name))
    _tell_golds(problem_set, options.rule, console)
    described = {"version": __version__, "problem_set": problem_set.name, "runs": runs, "at_once": at_once}
    described |= described_options(options)
    show = _Show(options, problem_set, runs, at_once, begun, console, after, runtime)
    answers: dict[str, int] = {problem.id: options.rule.fallback for problem in problem_set.problems}
    loaded = False
    with RunFolder(path, described, problem_set.problems) as folder:
        try:
            async with _open(show, folder) as runtime:
                loaded = True
                return await _go_through(
                    show, folder, runtime, None, lambda s: answers.update({s.problem.id: s.answer})
                )
        finally:
            if not loaded:
                shutil.rmtree(path, ignore_errors=True)
            elif submission is not None:
                write_submission(submission, answers)


async def go_on(path: Path, console: Console, after: After | None = None, runtime: Runtime | None = None) -> RunOutcome:
    """Goes on with the run of that folder, whatever ended it: what was finished is kept."""
    begun = asyncio.get_running_loop().time()
    logged = read_run(path).to_go_on()
    options = logged_options(logged.settings, path)
    runs, at_once = int(logged.settings.get("runs", 1)), int(logged.settings.get("at_once", 1))
    problem_set = ProblemSet(str(logged.settings.get("problem_set", logged.name)), logged.problems)
    if not logged.problems or not all(problem.text for problem in logged.problems):
        raise InputError(f"{path}: has no statements, so there is nothing to go on with; start the replay anew")
    show = _Show(options, problem_set, runs, at_once, begun, console, after, runtime)
    asked = runs * len(problem_set.problems)
    console.print(f"{path}: {len(logged.solutions)} of {asked} answers are there", highlight=False)
    if len(logged.solutions) >= asked and after is None:
        return RunOutcome(path, logged.solutions, ())
    with RunFolder.continued(path, logged) as folder:
        folder.log(f"going on behind {len(logged.solutions)} of {asked} answers")
        async with _open(show, folder) as runtime:
            return await _go_through(show, folder, runtime, logged)


@dataclass(frozen=True, slots=True)
class _Show:
    """A replay as it was asked for."""

    options: RunOptions
    problem_set: ProblemSet
    runs: int
    at_once: int
    begun: float
    console: Console
    after: After | None
    runtime: Runtime | None = None


def _open(show: _Show, folder: RunFolder) -> AbstractAsyncContextManager[Runtime]:
    def log(line: str) -> None:
        folder.log(line)
        show.console.print(line, style="dim", soft_wrap=True, markup=False, highlight=False)

    if show.runtime is not None:
        return nullcontext(show.runtime.refitted(show.options, log))
    log(f"loading {show.options.model}")
    limits = show.options.limits
    ends_at = show.begun + limits.total_seconds - limits.reserve_seconds
    measured = show.after is not None
    return open_runtime(show.options, log, ends_at, folder.path / "engine.log", measured=measured)


async def _go_through(
    show: _Show,
    folder: RunFolder,
    runtime: Runtime,
    logged: LoggedRun | None,
    finished: Callable[[Solution], None] | None = None,
) -> RunOutcome:
    restarts_before = len(runtime.engine.restarts)  # Of another method's run.
    past = Past() if logged is None else Past(logged.solutions, {r: logged.seconds_of(r) for r in range(show.runs)})
    kept = () if logged is None else logged.trajectories
    problems = len(show.problem_set.problems) * show.runs
    with LiveScreen(show.console, problems, past.solutions) as screen:
        lanes = [Observers((Recorder(folder), screen.lane())) for _ in range(show.at_once)]
        try:
            solutions = await replay(
                [runtime.make_solver(lane, kept, _tree_keeper(show.options, folder)) for lane in lanes],
                show.problem_set,
                show.options.limits,
                folder,
                runs=show.runs,
                started_at=show.begun,
                past=past,
                finished=finished,
            )
        except asyncio.CancelledError:
            show.console.print(f"go on with: aimo replay --resume {folder.path}", soft_wrap=True, highlight=False)
            raise
    outcome = RunOutcome(folder.path, tuple(solutions), tuple(runtime.engine.restarts[restarts_before:]))
    folder.finish(outcome.to_json())
    if show.after is not None:
        await show.after(runtime, outcome)
    return outcome


def _tree_keeper(options: RunOptions, folder: RunFolder) -> TreeFinished:
    preset = options.preset

    def keep(task: RolloutTask, root: Node) -> None:
        folder.add_steps(training_rows(task.problem, root, preset.rollout.prefill))

    return keep if preset.search is not None and preset.search.keep_trees else forget_tree


def _folder_name(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:40]}-and-more"


def _tell_golds(problem_set: ProblemSet, rule: AnswerRule, console: Console) -> None:
    outside = problem_set.golds_outside(rule)
    if outside:
        console.print(f"{outside} of {len(problem_set.problems)} gold answers are outside the rule {rule.name}")


def run_or_exit(run: Callable[[], None]) -> None:
    """Runs; bad input and a broken engine end in one sentence and exit code 1, never in a traceback.

    SIGTERM ends a run as Ctrl-C does: killed outright, it would leave the engine's processes behind.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run()
    except AimoError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was finished is in the run folder\n")
        raise SystemExit(INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _answer_file(
    options: RunOptions, path: Path, runs_folder: Path, submission: Path, started_at: float, console: Console
) -> None:
    problem_set = load_problem_set(path)
    outcome = asyncio.run(
        run_set(options, problem_set, runs_folder, console, submission=submission, started_at=started_at)
    )
    console.print(run_table(outcome.solutions, f"{problem_set.name}: {outcome.folder}"))
    console.print(f"{submission}: {len(problem_set.problems)} answers")


def main(started_at: float, arguments: Sequence[str] | None = None) -> None:
    """The kernel's command line; `started_at` is time.monotonic() at its first line."""

    def kernel(
        problems: Annotated[
            Path | None, typer.Argument(help="A .jsonl or .csv file of problems; the demo set if no contest asks.")
        ] = None,
        model: Annotated[
            Path | None, typer.Option(help="Folder of a checkpoint; the one attached, or the demo model.")
        ] = None,
        preset: Annotated[
            str | None, typer.Option(help="A preset's name or TOML file; the demo model's own, or `default`.")
        ] = None,
        hardware: Annotated[str, typer.Option(help="Hardware settings' name or TOML file; auto: by the cards.")] = AUTO,
        edition: Annotated[
            str, typer.Option(help="Answer rule of a file: any-integer, aimo1, aimo2, aimo3. A contest has its own.")
        ] = "aimo3",
        limit_seconds: Annotated[
            float, typer.Option(help="The whole run of a file, loading included. A contest has its own.")
        ] = DEFAULT_LIMIT_SECONDS,
        fallback: Annotated[int, typer.Option(help="The answer when no rollout gives one.")] = 0,
        seed: Annotated[int, typer.Option(help="Base seed of every rollout.")] = 0,
        inputs: Annotated[
            Path, typer.Option(envvar=INPUTS_VARIABLE, help="Where a contest and a model may be attached.")
        ] = INPUT_ROOT,
        runs_folder: Annotated[Path, typer.Option(help="Where run folders go.")] = Path("runs"),
        submission: Annotated[Path, typer.Option(help="The file to submit.")] = Path("submission.parquet"),
    ) -> None:
        """Answers a contest's problems, or a file's, and writes submission.parquet.

        Example: python kernel.py problems.csv --model /models/my-checkpoint --preset default
        """
        console = Console()

        def log(line: str) -> None:
            elapsed = f"[{time.monotonic() - started_at:7.1f} s]"
            console.print(f"{elapsed} {line}", soft_wrap=True, markup=False, highlight=False)

        def run() -> None:
            attached = None if problems is not None else find_attached_contest(inputs)
            checkpoint = model or find_checkpoint(inputs) or DEMO_MODEL
            if attached is not None:
                log(attached.told)
                for finding in examine(Patient(checkpoint, hardware, inputs)):
                    log(f"{finding.state:<5} {finding.name:<10} {finding.text}")
            options = run_options(
                model=checkpoint,
                preset=preset or ("demo" if checkpoint == DEMO_MODEL else "default"),
                hardware=hardware,
                edition=edition,
                seed=seed,
                limit_seconds=limit_seconds,
                fallback=fallback,
            )
            if attached is not None:
                serve_contest(attached, options, runs_folder, started_at, log)
            else:
                _answer_file(options, problems or DEMO_SET, runs_folder, submission, started_at, console)

        run_or_exit(run)

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(kernel)
    app(args=None if arguments is None else list(arguments))
