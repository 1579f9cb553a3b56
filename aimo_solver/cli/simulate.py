"""`aimo pool`, `simulate`, `learn-table` and `profile-engine`: contests from logged samples, and what they need."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from aimo_solver.app.options import Overrides, RunOptions, choose_options
from aimo_solver.app.runtime import open_runtime
from aimo_solver.cli.options import METHOD, AsJson, ContestName, DialectName, HardwareName, Model, PresetName
from aimo_solver.config.names import PolicyName, find_name
from aimo_solver.config.settings import load_preset
from aimo_solver.engine.hardware import AUTO
from aimo_solver.errors import InputError
from aimo_solver.policies.speed_table import SpeedTable, Workload, load_speed_table
from aimo_solver.policies.stop_table import write_stop_table
from aimo_solver.problems.problem import AnswerRule, answer_rule
from aimo_solver.runs.samples import count_cut, read_samples, read_streams
from aimo_solver.simulation.engine_speeds import measure_engine_speeds, speed_table_toml
from aimo_solver.simulation.plot import plot_study
from aimo_solver.simulation.pool import Pool, load_pool, pool_row
from aimo_solver.simulation.run_speeds import estimate_run_speeds
from aimo_solver.simulation.simulated_contest import ProblemOrder
from aimo_solver.simulation.stop_table_learning import learn_stop_table
from aimo_solver.simulation.study import PolicyFigures, StudyPlan, run_study
from aimo_solver.utils.files import write_text
from aimo_solver.utils.log import console_log
from aimo_solver.utils.paths import DEMO_MODEL
from aimo_solver.utils.plots import check_plot_path
from aimo_solver.utils.text import plural

STREAMS: Final = [1, 2, 4, 8, 16]
PROFILE_PROBLEM: Final = "Find the sum of all primes less than $110$ that leave remainder $3$ when divided by $8$."
ROLLOUTS_IN_TIME: Final = (3, 6, 12)
"""Default budgets: the mean time in which this many rollouts side by side finish, for each problem."""

SpeedTableName = Annotated[
    str,
    typer.Option("--speed-table", metavar="NAME", help="A speed table by name or TOML file.", rich_help_panel=METHOD),
]


def simulate(
    pools: Annotated[
        list[Path], typer.Option("--pool", metavar="FILE", help="A .jsonl file of logged samples; repeatable.")
    ],
    policies: Annotated[
        list[str],
        typer.Option(
            "--policy", metavar="NAME", help="A policy's name or a preset file; repeatable.", show_default="all"
        ),
    ] = [],  # noqa: B006
    budgets: Annotated[
        list[float],
        typer.Option(
            "--budget-seconds",
            metavar="S",
            help="Time of a whole contest; repeatable.",
            show_default="three budgets that suit the pool",
        ),
    ] = [],  # noqa: B006
    contests: Annotated[int, typer.Option(min=1, metavar="N", help="Contests per policy and budget.")] = 300,
    problems: Annotated[int, typer.Option(min=1, metavar="N", help="Problems per contest.")] = 50,
    speed_table: SpeedTableName = "h100",
    order: Annotated[
        ProblemOrder, typer.Option(metavar="NAME", help="random draws problems; file takes them in order.")
    ] = (ProblemOrder.RANDOM),
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the contests.")] = 0,
    contest: ContestName = "aimo3",
    unscaled: Annotated[bool, typer.Option("--unscaled", help="Keep the peers' own seconds, unscaled.")] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Plot solved against seconds: .svg, .png or .pdf.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Plays whole contests from logged samples, through the solver, policies and votes of a real run.

    Example: aimo simulate --pool pool.jsonl --policy nemoskills --policy adaptive --budget-seconds 17400
    """
    console = Console(stderr=as_json)

    if plot is not None:
        check_plot_path(plot)
    speeds, rule = load_speed_table(speed_table), answer_rule(contest)
    for streams, speed, source in zip(speeds.streams, speeds.tokens_per_second, speeds.sources, strict=True):
        console.print(f"{speeds.name}: {plural(streams, 'stream')}, {speed:g} tokens/s each ({source})", style="dim")
    own = {Path(name).stem: load_preset(name).policy for name in policies if name.endswith(".toml")}
    names = tuple(map(_policy_name, policies)) or tuple(PolicyName)
    plans = [
        StudyPlan(
            pool=pool,
            speeds=speeds,
            policies=names,
            budgets_seconds=tuple(budgets) or _usual_budgets(pool, speeds, problems),
            contests=contests,
            problems=problems,
            order=order,
            seed=seed,
            scaled=not unscaled,
            own=own,
        )
        for pool in (_load_pool(path, rule, console) for path in pools)
    ]
    figures = [one for plan in plans for one in _play(plan, console)]
    if plot is not None:
        plot_study(figures, problems, plot)
        console.print(f"{plot}: {plural(len(figures), 'figure')} drawn")
    if as_json:
        typer.echo(json.dumps({"policies": [one.to_json() for one in figures]}, indent=2))


def _load_pool(path: Path, rule: AnswerRule, console: Console) -> Pool:
    loaded = load_pool(path, rule)
    for note in loaded.notes:
        console.print(f"{loaded.name}: {note}", style="dim")
    return loaded


def _policy_name(name_or_file: str) -> str:
    """Returns the stem of a preset's file, or a policy's name as it is spelt."""
    return Path(name_or_file).stem if name_or_file.endswith(".toml") else find_name(PolicyName, name_or_file, "policy")


def _usual_budgets(pool: Pool, speeds: SpeedTable, problems: int) -> tuple[float, ...]:
    workload = Workload(pool.rollout_tokens, speeds)
    return tuple(round(problems * workload.seconds(streams), 1) for streams in ROLLOUTS_IN_TIME)


def _play(plan: StudyPlan, console: Console) -> list[PolicyFigures]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        total = len(plan.policies) * len(plan.budgets_seconds) * plan.contests
        task = progress.add_task(f"{plan.pool.name}: contests", total=total)
        figures = list(run_study(plan, lambda contests: progress.advance(task, contests)))
    for budget in plan.budgets_seconds:
        console.print(_table(plan, [one for one in figures if one.budget_seconds == budget]))
    return figures


def _table(plan: StudyPlan, figures: Sequence[PolicyFigures]) -> Table:
    """One budget. Narrow enough for 80 columns."""
    first = figures[0]
    contests, problems = plural(plan.contests, "contest"), plural(plan.problems, "problem")
    title = f"{plan.pool.name}: {contests} of {problems} in {first.budget_seconds:,.0f} s"
    table = Table(title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for name in ("policy", "solved", "worst 5%", "seconds", "unasked", "of bound", f"to {plan.policies[0]}"):
        table.add_column(name, justify="left" if name == "policy" else "right", no_wrap=True)
    for one in figures:
        table.add_row(
            one.policy,
            f"{one.solved_mean:.2f}±{one.solved_se:.2f}",
            f"{one.worst_5_percent:.0f}",
            f"{one.seconds_mean:,.0f}",
            f"{one.unasked_mean:.1f}",
            f"{one.share_of_bound:.3f}",
            f"{one.vs_first.difference:+.2f}±{one.vs_first.se:.2f}",
        )
    table.add_section()
    limits = {"informed bound": first.bound, "hindsight": first.hindsight, "majority of all": first.majority_all}
    for name, value in limits.items():
        table.add_row(name, f"{value:.2f}", style="dim")
    return table


def pool(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders of `aimo replay`.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The pool to write.")] = Path("pool.jsonl"),
    speeds: Annotated[
        Path | None,
        typer.Option("--speed-table", metavar="FILE", help="Also write a speed table of these rollouts."),
    ] = None,
) -> None:
    """Turns runs into a pool, from which contests are simulated.

    Example: aimo pool runs/20261120-230000-demo --out demo-pool.jsonl --speed-table demo.toml
    """
    samples = read_samples(runs)
    if not samples:
        raise InputError("the runs hold no finished rollout of a problem whose gold answer is known")
    lines = [json.dumps(pool_row(one.id, one.gold, one.samples)) for one in samples]
    write_text(out, "\n".join(lines) + "\n")
    typer.echo(
        f"{out}: {plural(len(samples), 'problem')}, {plural(sum(len(one.samples) for one in samples), 'sample')}"
    )
    if cut := count_cut(runs):
        typer.echo(f"{plural(cut, 'rollout')} cut short and left out; log runs with --no-early-stop for whole samples")
    if speeds is not None:
        table = estimate_run_speeds(read_streams(runs), speeds.stem)
        write_text(speeds, speed_table_toml(table))
        typer.echo(f"{speeds}: {plural(len(table.streams), 'row')}, code and prompts included")


def learn_table(
    pool_file: Annotated[Path, typer.Argument(metavar="POOL", help="A .jsonl file of logged samples.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The stop table to write.")] = Path("table.json"),
    speed_table: SpeedTableName = "h100",
    contest: ContestName = "aimo3",
) -> None:
    """Learns from a pool when to stop, and writes the table that the policy `table` reads.

    Example: aimo learn-table demo-pool.jsonl --out table.json
    """
    table = learn_stop_table(load_pool(pool_file, answer_rule(contest)), load_speed_table(speed_table))
    write_stop_table(table, out)
    states = sum(len(rows) for rows in table.stop_up_to.values())
    typer.echo(f"{out}: {len(table.widths)} prices of time, {plural(states, 'state')}")


def profile_engine(
    out: Annotated[Path, typer.Option(metavar="FILE", help="The speed table to write.")] = Path("speeds.toml"),
    streams: Annotated[list[int], typer.Option(min=1, metavar="N", help="Streams at once; repeatable.")] = STREAMS,
    seconds: Annotated[float, typer.Option(metavar="S", help="Seconds per number of streams.")] = 10.0,
    model: Model = DEMO_MODEL,
    hardware: HardwareName = AUTO,
    preset: PresetName = None,
    dialect: DialectName = None,
) -> None:
    """Measures tokens/s per stream at several numbers of streams: what `aimo simulate --speed-table` reads.

    Example: aimo profile-engine --model /models/mine --hardware cuda --streams 1 --streams 12 --out mine.toml
    """
    console = Console()

    if not seconds > 0:  # Before minutes of loading.
        raise InputError(f"seconds must be positive, got {seconds!r}")
    options = choose_options(model, preset=preset, hardware=hardware, overrides=Overrides(dialect=dialect))
    table = asyncio.run(_profile(options, sorted(set(streams)), seconds, out.stem, console))
    write_text(out, f"# {model} with hardware {hardware}. Tokens/s of one stream.\n" + speed_table_toml(table))
    console.print(f"{out}: {plural(len(table.streams), 'row')}")


async def _profile(
    options: RunOptions, streams: Sequence[int], seconds: float, name: str, console: Console
) -> SpeedTable:
    ends_at = asyncio.get_running_loop().time() + options.limits.total_seconds

    def measured(count: int, speed: float) -> None:
        console.print(f"{count:>4} streams  {speed:,.1f} tokens/s each  {speed * count:,.0f} in all")

    async with open_runtime(options, console_log(console), ends_at) as runtime:
        prompt = runtime.dialect.encode_prompt(PROFILE_PROBLEM, options.prompt, runtime.engine.tokenizer)
        source = f"measured by aimo profile-engine, {seconds:g} s a row"
        return await measure_engine_speeds(
            runtime.engine,
            prompt_token_ids=prompt,
            streams=streams,
            seconds=seconds,
            name=name,
            source=source,
            on_row=measured,
        )
