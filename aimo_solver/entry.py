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
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from aimo_solver import __version__
from aimo_solver.bundled import DEMO_MODEL, DEMO_SET
from aimo_solver.deploy.doctor import Patient
from aimo_solver.deploy.inputs import INPUT_ROOT, INPUTS_VARIABLE, find_checkpoint
from aimo_solver.engines.supervised_engine import EngineRestart
from aimo_solver.errors import AimoError
from aimo_solver.hardware import AUTO
from aimo_solver.problem import AnswerRule
from aimo_solver.problem_set import ProblemSet, load_problem_set
from aimo_solver.replay import replay
from aimo_solver.reports.live import LiveLines
from aimo_solver.reports.table import run_table
from aimo_solver.run_folder import RunFolder, new_run_path
from aimo_solver.serving import find_contest, serve_contest
from aimo_solver.solution import Solution
from aimo_solver.submission import check_submission_path, write_submission
from aimo_solver.summary import summarise
from aimo_solver.workshop import DEFAULT_LIMIT_SECONDS, RunOptions, examine, open_workshop, run_options

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


async def run_set(
    options: RunOptions,
    problem_set: ProblemSet,
    runs_folder: Path,
    console: Console,
    *,
    runs: int = 1,
    submission: Path | None = None,
    started_at: float | None = None,
) -> RunOutcome:
    """Answers the set into a new run folder, and writes the submission where one is wanted."""
    begun = asyncio.get_running_loop().time() if started_at is None else started_at
    if submission is not None:
        check_submission_path(submission)
    path = new_run_path(runs_folder, problem_set.name)
    solutions: list[Solution] = []
    _tell_golds(problem_set, options.rule, console)
    loaded = False
    with RunFolder(path, _described(options, problem_set, runs)) as folder:

        def log(line: str) -> None:
            folder.log(line)
            console.print(line, style="dim", soft_wrap=True, markup=False, highlight=False)

        try:
            log(f"loading {options.model}")
            ends_at = begun + options.limits.total_seconds - options.limits.reserve_seconds
            with LiveLines(console, len(problem_set.problems), runs) as live:
                async with open_workshop(options, live, log, ends_at, path / "engine.log") as workshop:
                    loaded = True
                    await replay(
                        workshop.solver,
                        problem_set,
                        options.limits,
                        folder,
                        runs=runs,
                        started_at=begun,
                        finished=solutions.append,
                    )
            outcome = RunOutcome(path, tuple(solutions), tuple(workshop.engine.restarts))
            folder.finish(outcome.to_json())
        finally:
            if not loaded:
                shutil.rmtree(path, ignore_errors=True)
            elif submission is not None:
                fallback = {problem.id: options.rule.fallback for problem in problem_set.problems}
                write_submission(submission, fallback | {s.problem.id: s.answer for s in solutions})
    return outcome


def _tell_golds(problem_set: ProblemSet, rule: AnswerRule, console: Console) -> None:
    outside = problem_set.golds_outside(rule)
    if outside:
        console.print(f"{outside} of {len(problem_set.problems)} gold answers are outside the rule {rule.name}")


def _described(options: RunOptions, problem_set: ProblemSet, runs: int) -> dict[str, Any]:
    described = asdict(options) | {"model": str(options.model)}
    return {"version": __version__, "problem_set": problem_set.name, "runs": runs} | described


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
            contest = None if problems is not None else find_contest(inputs)
            checkpoint = model or find_checkpoint(inputs) or DEMO_MODEL
            if contest is not None:
                log(contest.told)
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
            if contest is not None:
                serve_contest(contest, options, runs_folder, started_at, log)
            else:
                _answer_file(options, problems or DEMO_SET, runs_folder, submission, started_at, console)

        run_or_exit(run)

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(kernel)
    app(args=None if arguments is None else list(arguments))
