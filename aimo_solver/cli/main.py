"""The `aimo` command."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from aimo_solver.app.kernel import RunOutcome, go_on, run_or_exit, run_set
from aimo_solver.app.options import DEFAULT_LIMIT_SECONDS, RunOptions, run_options
from aimo_solver.app.runtime import open_workshop
from aimo_solver.cli import kaggle as deploy_commands
from aimo_solver.cli import methods as study_commands
from aimo_solver.cli import report as report_commands
from aimo_solver.cli import simulate as simulation_commands
from aimo_solver.cli.sandbox import app as sandbox_app
from aimo_solver.cli.sets import app as sets_app
from aimo_solver.config.settings import CodeMode
from aimo_solver.engine.hardware import AUTO
from aimo_solver.errors import InputError
from aimo_solver.policies.ledger import Ledger
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import join_sets
from aimo_solver.problems.sets.fetch import find_problem_set
from aimo_solver.reports.live import Transcript
from aimo_solver.reports.tables import run_table
from aimo_solver.utils.paths import DEMO_MODEL, DEMO_SET
from quantize.cli import app as quantize_app

app = typer.Typer(
    help="Answers olympiad problems with a language model, Python and a vote, inside a time limit.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(sandbox_app, name="sandbox")
app.add_typer(quantize_app, name="quantize")
app.add_typer(sets_app, name="sets")
app.add_typer(deploy_commands.package, name="package")
app.command("simulate")(simulation_commands.simulate)
app.command("pool")(simulation_commands.pool)
app.command("learn-table")(simulation_commands.learn_table)
app.command("profile-engine")(simulation_commands.profile_engine)
app.command("report")(report_commands.report)
app.command("compare")(report_commands.compare)
app.command("revote")(report_commands.revote)
app.command("export")(report_commands.export)
app.command("methods")(study_commands.methods)
app.command("scaling")(study_commands.scaling)
app.command("doctor")(deploy_commands.doctor)
app.command("rehearse")(deploy_commands.rehearse_kernel)
app.command("push")(deploy_commands.push)

Model = Annotated[Path, typer.Option(help="Folder of a checkpoint.")]
PresetName = Annotated[str, typer.Option("--preset", help="A preset's name or TOML file.")]
HardwareName = Annotated[
    str, typer.Option("--hardware", help="Hardware settings' name or TOML file; auto: by the cards.")
]
Seed = Annotated[int, typer.Option(help="Base seed of every rollout.")]
Rollouts = Annotated[int | None, typer.Option(min=1, help="Rollouts a problem; the preset's own if not given.")]
Code = Annotated[CodeMode | None, typer.Option(help="Run code, answer every call 'disabled', or know no calls.")]
Temperature = Annotated[float | None, typer.Option(min=0.0, help="The preset's own if not given.")]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="Tokens a rollout; the preset's own if not given.")]
EarlyStop = Annotated[bool, typer.Option(help="Stop a problem's rollouts once its vote is settled.")]
LimitSeconds = Annotated[float, typer.Option(help="A whole run, loading included.")]
Edition = Annotated[str, typer.Option(help="Answer rule: any-integer, aimo1, aimo2, aimo3.")]


@app.callback()
def aimo() -> None:
    """Every command has --help with an example."""


@app.command()
def solve(
    problem: Annotated[str, typer.Argument(help="The statement, LaTeX.")],
    model: Model = DEMO_MODEL,
    preset: PresetName = "demo",
    hardware: HardwareName = AUTO,
    seed: Seed = 0,
    rollouts: Rollouts = None,
    code: Code = None,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    early_stop: EarlyStop = True,
    limit_seconds: LimitSeconds = DEFAULT_LIMIT_SECONDS,
    edition: Edition = "any-integer",
) -> None:
    """Solves one problem and shows its rollouts as they happen.

    Example: aimo solve "How many integers from 1 to 90 are relatively prime to 12?" --rollouts 4
    """

    def run() -> None:
        if not problem.strip() or not _is_text(problem):
            raise InputError(f"problem must be a statement in UTF-8, got {problem!r}")
        options = run_options(
            model=model,
            preset=preset,
            hardware=hardware,
            edition=edition,
            seed=seed,
            limit_seconds=limit_seconds,
            rollouts=rollouts,
            early_stop=early_stop,
            code=code,
            temperature=temperature,
            max_tokens=max_tokens,
        )
        asyncio.run(_solve(options, problem, Console()))

    run_or_exit(run)


@app.command("replay")
def replay_sets(
    problem_sets: Annotated[
        list[str] | None,
        typer.Argument(help="Files, .jsonl or .csv, or sets by name; the demo set if none."),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Passes over each set, each with seeds of its own.")] = 1,
    model: Model = DEMO_MODEL,
    preset: PresetName = "demo",
    policy: Annotated[str | None, typer.Option(help="Another policy than the preset's, by name.")] = None,
    hardware: HardwareName = AUTO,
    seed: Seed = 0,
    rollouts: Rollouts = None,
    code: Code = None,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    early_stop: EarlyStop = True,
    limit_seconds: LimitSeconds = DEFAULT_LIMIT_SECONDS,
    edition: Edition = "any-integer",
    at_once: Annotated[
        int, typer.Option(min=1, help="Problems side by side: faster; the seconds are no contest's then.")
    ] = 1,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with this run folder, whatever ended it; its own options hold.")
    ] = None,
    runs_folder: Annotated[Path, typer.Option(help="Where run folders go.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON, progress to stderr.")] = False,
) -> None:
    """Runs problem sets for real and tells pass@1 and majority with 95 % intervals.

    Example: aimo replay aime_2022_2024 my-problems.jsonl --runs 5 --no-early-stop --seed 1

    A run that was killed goes on: aimo replay --resume runs/20260101-120000-aime
    """
    console = Console(stderr=as_json)

    def run() -> None:
        if resume is not None:
            _tell(asyncio.run(go_on(resume, console)), console, as_json=as_json)
            return
        options = run_options(
            model=model,
            preset=preset,
            hardware=hardware,
            edition=edition,
            seed=seed,
            limit_seconds=limit_seconds,
            rollouts=rollouts,
            policy=policy,
            early_stop=early_stop,
            code=code,
            temperature=temperature,
            max_tokens=max_tokens,
        )
        problem_set = join_sets([find_problem_set(name) for name in problem_sets or [str(DEMO_SET)]])
        outcome = asyncio.run(run_set(options, problem_set, runs_folder, console, runs=runs, at_once=at_once))
        _tell(outcome, console, as_json=as_json)

    run_or_exit(run)


def _tell(outcome: RunOutcome, console: Console, *, as_json: bool) -> None:
    console.print(run_table(outcome.solutions, str(outcome.folder)))
    if as_json:
        typer.echo(json.dumps(outcome.to_json(), indent=2))
    else:
        console.print(f"aimo report {outcome.folder} shows where votes, tokens and seconds went", style="dim")


def _is_text(argument: str) -> bool:
    """Whether the shell passed whole characters."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


async def _solve(options: RunOptions, text: str, console: Console) -> None:
    started_at = asyncio.get_running_loop().time()
    limits = options.limits
    ledger = Ledger(started_at, limits.total_seconds, limits.reserve_seconds, problems_left=1)

    def log(line: str) -> None:
        console.print(line, style="dim", soft_wrap=True, markup=False, highlight=False)

    async with open_workshop(options, log, ledger.ends_at) as workshop:
        solver = workshop.make_solver(Transcript(console), ())
        solution = await solver.solve(Problem("solve", text), ledger)
    votes = " ".join(f"{answer}:{weight:g}" for answer, weight in solution.vote.tally) or "none"
    console.print(f"answer {solution.answer}  votes {votes}  {solution.seconds:.1f} s  ({solution.stop})", style="bold")


if __name__ == "__main__":
    app()
