"""`aimo solve` and `aimo replay`: one problem, or whole sets, through the real engine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from aimo_solver.app.options import DEFAULT_LIMIT_SECONDS, Overrides, RunOptions, choose_options
from aimo_solver.app.run import RunOutcome, resume, run_set
from aimo_solver.app.runtime import open_runtime
from aimo_solver.cli.options import (
    AsJson,
    AtOnce,
    Code,
    ContestName,
    DialectName,
    EarlyStop,
    HardwareName,
    LimitSeconds,
    MaxTokens,
    Model,
    PolicyName,
    PresetName,
    Problems,
    ProblemSets,
    Rollouts,
    Runs,
    RunsFolder,
    Seed,
    Temperature,
)
from aimo_solver.engine.hardware import AUTO
from aimo_solver.errors import InputError
from aimo_solver.policies.ledger import Ledger
from aimo_solver.problems.problem import Problem, answer_rule
from aimo_solver.problems.sets.fetch import find_problems
from aimo_solver.reports.live import Transcript
from aimo_solver.reports.tables import print_flushes, run_table
from aimo_solver.utils.log import console_log
from aimo_solver.utils.paths import DEMO_MODEL, shown_path
from aimo_solver.utils.streams import outlive_readers


def solve(
    problem: Annotated[str, typer.Argument(metavar="STATEMENT", help="The problem's statement, LaTeX.")],
    model: Model = DEMO_MODEL,
    hardware: HardwareName = AUTO,
    preset: PresetName = None,
    dialect: DialectName = None,
    policy: PolicyName = None,
    rollouts: Rollouts = None,
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    code: Code = None,
    early_stop: EarlyStop = True,
    contest: ContestName = "any-integer",
    limit_seconds: LimitSeconds = DEFAULT_LIMIT_SECONDS,
    seed: Seed = 0,
) -> None:
    """Solves one problem and shows its rollouts as they happen.

    Example: aimo solve 'Find the sum of all primes less than $110$ that leave remainder $3$ when divided by $8$.'
    """
    if not problem.strip() or not _is_text(problem):
        raise InputError(f"problem must be a statement in UTF-8, got {problem!r}")
    options = choose_options(
        model,
        preset=preset,
        hardware=hardware,
        rule=answer_rule(contest),
        seed=seed,
        limit_seconds=limit_seconds,
        overrides=Overrides(
            dialect=dialect,
            policy=policy,
            rollouts=rollouts,
            max_tokens=max_tokens,
            temperature=temperature,
            code=code,
            early_stop=early_stop,
        ),
    )
    outlive_readers()
    asyncio.run(_solve(options, problem, Console()))


def replay(
    problem_sets: ProblemSets = None,
    runs: Runs = 1,
    problems: Problems = None,
    at_once: AtOnce = 1,
    resume_run: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RUN", help="Resume this run folder, with its own options."),
    ] = None,
    model: Model = DEMO_MODEL,
    hardware: HardwareName = AUTO,
    preset: PresetName = None,
    dialect: DialectName = None,
    policy: PolicyName = None,
    rollouts: Rollouts = None,
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    code: Code = None,
    early_stop: EarlyStop = True,
    contest: ContestName = "any-integer",
    limit_seconds: LimitSeconds = DEFAULT_LIMIT_SECONDS,
    seed: Seed = 0,
    runs_folder: RunsFolder = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Runs problem sets for real and prints pass@1 and majority with 95 % intervals.

    Example: aimo replay aime_2022_2024 my-problems.jsonl --runs 5 --no-early-stop --seed 1

    To resume a run that was killed: aimo replay --resume runs/20260101-120000-aime
    """
    outlive_readers()
    console = Console(stderr=as_json)
    if resume_run is not None:
        _print_outcome(asyncio.run(resume(resume_run, console)), console, as_json=as_json)
        return
    options = choose_options(
        model,
        preset=preset,
        hardware=hardware,
        rule=answer_rule(contest),
        seed=seed,
        limit_seconds=limit_seconds,
        overrides=Overrides(
            dialect=dialect,
            policy=policy,
            rollouts=rollouts,
            max_tokens=max_tokens,
            temperature=temperature,
            code=code,
            early_stop=early_stop,
        ),
    )
    problem_set = find_problems(problem_sets, problems)
    outcome = asyncio.run(run_set(options, problem_set, runs_folder, console, runs=runs, at_once=at_once))
    _print_outcome(outcome, console, as_json=as_json)


def _print_outcome(outcome: RunOutcome, console: Console, *, as_json: bool) -> None:
    console.print(run_table(outcome.solutions, str(outcome.folder)))
    print_flushes(outcome.solutions, console)
    if as_json:
        typer.echo(json.dumps(outcome.to_json(), indent=2))
    else:
        console.print(
            f"aimo report {shown_path(outcome.folder)} shows where votes, tokens and seconds went",
            style="dim",
            soft_wrap=True,
        )


def _is_text(argument: str) -> bool:
    """Returns whether the shell passed whole characters."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


async def _solve(options: RunOptions, text: str, console: Console) -> None:
    limits = options.limits
    started_at = asyncio.get_running_loop().time()
    ledger = Ledger(started_at, limits.total_seconds, reserve_seconds=limits.reserve_seconds, problems_left=1)
    async with open_runtime(options, console_log(console), ledger.ends_at) as runtime:
        solution = await runtime.make_solver(Transcript(console)).solve(Problem("solve", text), ledger)
    votes = " ".join(f"{answer}:{weight:g}" for answer, weight in solution.vote.tally) or "none"
    console.print(f"answer {solution.answer}  votes {votes}  {solution.seconds:.1f} s  ({solution.stop})", style="bold")
