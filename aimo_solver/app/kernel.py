"""The kernel: a contest's problems where one is attached, else those of a file.

What a run guarantees is in `run` (a file) and `serve` (a contest).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from aimo_solver.app.doctor import DoctorTarget, diagnose
from aimo_solver.app.options import DEFAULT_LIMIT_SECONDS, Overrides, RunOptions, choose_options
from aimo_solver.app.run import run_set
from aimo_solver.app.serve import find_attached_contest, serve_contest
from aimo_solver.engine.hardware import AUTO
from aimo_solver.errors import InputError
from aimo_solver.kaggle.gateways.inference_server import is_scoring_run
from aimo_solver.kaggle.inputs import INPUT_ROOT, INPUTS_VARIABLE, find_checkpoint, require_inputs
from aimo_solver.problems.problem import answer_rule, rule_of
from aimo_solver.problems.problem_set import load_problem_set
from aimo_solver.reports.tables import print_flushes, run_table
from aimo_solver.utils.exit import one_sentence_errors
from aimo_solver.utils.paths import DEMO_MODEL, DEMO_SET
from aimo_solver.utils.streams import outlive_readers


def main(started_at: float, arguments: Sequence[str] | None = None) -> None:
    """Runs the kernel's command line; `started_at` is time.monotonic() at its first line."""
    outlive_readers()
    app = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]}
    )

    @app.command()
    def kernel(  # pyright: ignore[reportUnusedFunction]  # typer calls it
        problems: Annotated[
            Path | None,
            typer.Argument(help="A .jsonl or .csv file of problems; the demo set if no contest is attached."),
        ] = None,
        model: Annotated[
            Path | None,
            typer.Option(help="Folder of a checkpoint. If not given: the attached one, else the demo model."),
        ] = None,
        preset: Annotated[
            str | None,
            typer.Option(help="A preset's name or TOML file. If not given: the one that goes with the checkpoint."),
        ] = None,
        dialect: Annotated[
            str | None,
            typer.Option(help="How the model writes; auto: as its files say. If not given: the preset's."),
        ] = None,
        hardware: Annotated[str, typer.Option(help="Hardware settings, by name or file; auto: by the cards.")] = AUTO,
        contest: Annotated[
            str, typer.Option(help="Whose answers a file's problems take: a contest by name or file, or any-integer.")
        ] = "aimo3",
        limit_seconds: Annotated[
            float, typer.Option(help="Limit on a file's whole run, loading included. A contest has its own.")
        ] = DEFAULT_LIMIT_SECONDS,
        fallback: Annotated[
            int | None, typer.Option(help="The answer when no rollout gives one. If not given: the contest's own.")
        ] = None,
        seed: Annotated[int, typer.Option(help="Base seed of all rollouts.")] = 0,
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

        if problems is not None and is_scoring_run():
            raise InputError(
                f"{problems}: a scoring run answers the contest's problems; take the file out of ARGUMENTS"
            )
        attached = None if problems is not None else find_attached_contest(inputs, contest)
        checkpoint = model or find_checkpoint(inputs)
        require_inputs(
            None if attached is None else (attached.contest, attached.folder),
            checkpoint,
            root=inputs,
            scored=is_scoring_run(),
        )
        checkpoint = checkpoint or DEMO_MODEL
        if attached is not None:
            log(attached.description)
            for finding in diagnose(DoctorTarget(checkpoint, hardware, inputs, preset, dialect, contest)):
                log(f"{finding.severity:<5} {finding.name:<10} {finding.text}")
        rule = answer_rule(contest) if attached is None else rule_of(attached.contest)
        options = choose_options(
            checkpoint,
            preset=preset,
            hardware=hardware,
            rule=rule if fallback is None else rule.with_fallback(fallback),
            seed=seed,
            limit_seconds=limit_seconds,
            overrides=Overrides(dialect=dialect),
        )
        if attached is not None:
            serve_contest(attached, options, runs_folder, started_at=started_at, log=log)
        else:
            _answer_file(
                options,
                problems or DEMO_SET,
                runs_folder=runs_folder,
                submission=submission,
                started_at=started_at,
                console=console,
            )

    with one_sentence_errors():
        app(args=None if arguments is None else list(arguments))


def _answer_file(
    options: RunOptions, path: Path, *, runs_folder: Path, submission: Path, started_at: float, console: Console
) -> None:
    problem_set = load_problem_set(path)
    outcome = asyncio.run(
        run_set(options, problem_set, runs_folder, console, submission=submission, started_at=started_at)
    )
    console.print(run_table(outcome.solutions, f"{problem_set.name}: {outcome.folder}"))
    print_flushes(outcome.solutions, console)
    console.print(f"{submission}: {len(problem_set.problems)} answers")
