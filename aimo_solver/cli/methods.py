"""`aimo methods` and `aimo scaling`: methods beside one another, and budgets of one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from aimo_solver.app.kernel import run_or_exit
from aimo_solver.app.methods import Method, Study, study_budgets, study_methods
from aimo_solver.app.options import STUDY_LIMIT_SECONDS, RunOptions, run_options
from aimo_solver.config.settings import CodeMode
from aimo_solver.dialects import find_dialect
from aimo_solver.engine.hardware import AUTO
from aimo_solver.errors import InputError
from aimo_solver.problems.problem_set import ProblemSet, join_sets
from aimo_solver.problems.sets.fetch import find_problem_set
from aimo_solver.reports.tables import MethodRow, method_rows, method_table, scaling_table
from aimo_solver.reports.scaling import Budget
from aimo_solver.runs.reader import LoggedRun
from aimo_solver.utils.paths import DEMO_MODEL, DEMO_SET

Sets = Annotated[list[str] | None, typer.Argument(help="Sets by name or file; the demo set if none.")]
Out = Annotated[Path, typer.Option(help="Where run folders go; a study that was begun there is gone on with.")]
Runs = Annotated[int, typer.Option(min=1, help="Passes over the sets.")]
Model = Annotated[Path, typer.Option(help="Folder of a checkpoint.")]
HardwareName = Annotated[str, typer.Option("--hardware", help="Hardware settings; auto: by the cards.")]
Dialect = Annotated[
    str | None, typer.Option(help="The checkpoint's, instead of the presets' own: methods can then be compared on it.")
]
Problems = Annotated[int | None, typer.Option(min=1, help="Only the first so many.")]
Seed = Annotated[int, typer.Option(help="Base seed of every rollout.")]
AtOnce = Annotated[int, typer.Option(min=1, help="Problems side by side: faster; seconds are shared then.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print figures as JSON, progress to stderr.")]


def methods(
    out: Out,
    presets: Annotated[list[str], typer.Option("--preset", help="A method by name or TOML file; repeatable.")],
    sets: Sets = None,
    tokens: Annotated[list[int], typer.Option(min=1, help="Tokens a problem; repeatable.")] = [1000, 2000, 4000],  # noqa: B006
    runs: Runs = 5,
    problems: Problems = None,
    model: Model = DEMO_MODEL,
    dialect: Dialect = None,
    concurrent: Annotated[
        int | None,
        typer.Option(min=1, help="Rollouts at once: many of them share a small limit badly. A search keeps its own."),
    ] = None,
    hardware: HardwareName = AUTO,
    seed: Seed = 0,
    at_once: AtOnce = 1,
    as_json: AsJson = False,
) -> None:
    """Compares whole methods at equal tokens a problem; says which differences to the first are real.

    Example: aimo methods --preset numina-aimo1 --preset s1 --dialect numina --tokens 1000 --out runs/methods
    """
    console = Console(stderr=as_json)

    def run() -> None:
        chosen = [
            Method(Path(name).stem, _options(name, model, hardware, seed, dialect=dialect, concurrent=concurrent))
            for name in presets
        ]
        if len({method.name for method in chosen}) < len(chosen):
            raise InputError(f"presets must have names of their own, got {', '.join(m.name for m in chosen)}")
        limits = sorted(set(tokens))
        study = Study(_set(sets, problems), runs, at_once, out, console)
        found = asyncio.run(study_methods(chosen, limits, study))
        _tell_methods(found, console, as_json=as_json)

    run_or_exit(run)


def scaling(
    out: Out,
    sets: Sets = None,
    budget: Annotated[list[int], typer.Option(min=1, help="Tokens of thinking; repeatable.")] = [32, 64, 128, 256],  # noqa: B006
    waits: Annotated[list[int], typer.Option(min=0, help="Ends of thinking taken back; repeatable.")] = [0],  # noqa: B006
    runs: Runs = 1,
    rollouts: Annotated[int, typer.Option(min=1, help="A problem and budget.")] = 4,
    problems: Problems = None,
    preset: Annotated[str, typer.Option(help="A preset's name or TOML file.")] = "demo",
    model: Model = DEMO_MODEL,
    dialect: Dialect = None,
    code: Annotated[CodeMode | None, typer.Option(help="Run code, answer every call 'disabled', or know none.")] = None,
    hardware: HardwareName = AUTO,
    seed: Seed = 0,
    at_once: AtOnce = 1,
    as_json: AsJson = False,
) -> None:
    """Sweeps budgets of thinking and prints s1's Control, Scaling and Performance, with intervals.

    Example: aimo scaling --budget 64 --budget 128 --budget 256 --waits 0 --waits 2 --out runs/scaling
    """
    console = Console(stderr=as_json)

    def run() -> None:
        options = _options(preset, model, hardware, seed, dialect=dialect, rollouts=rollouts, code=code)
        budgets = [Budget(tokens, count) for count in sorted(set(waits)) for tokens in sorted(set(budget))]
        study = Study(_set(sets, problems), runs, at_once, out, console)
        found = asyncio.run(study_budgets(options, budgets, study))
        if as_json:
            typer.echo(json.dumps(found.to_json(), indent=2))
            return
        console.print(scaling_table(found))
        console.print(f"Control {found.control:.0%}", highlight=False)
        slope = "- (all budgets spent the same)" if found.slope is None else str(found.slope)
        console.print(f"Scaling {slope} points per 1,000 tokens", highlight=False)
        console.print(f"Performance {found.performance}", highlight=False)

    run_or_exit(run)


def _options(
    preset: str,
    model: Path,
    hardware: str,
    seed: int,
    *,
    dialect: str | None,
    concurrent: int | None = None,
    rollouts: int | None = None,
    code: CodeMode | None = None,
) -> RunOptions:
    options = run_options(
        model=model,
        preset=preset,
        hardware=hardware,
        edition="any-integer",
        seed=seed,
        limit_seconds=STUDY_LIMIT_SECONDS,
        rollouts=rollouts,
        early_stop=rollouts is None,
        code=code,
    )
    chosen = options.preset
    find_dialect(dialect or chosen.dialect)  # Before minutes of loading.
    policy = chosen.policy
    if concurrent is not None and chosen.search is None:  # A tree needs what several rollouts need.
        policy = replace(policy, concurrent=concurrent)
    return replace(options, preset=replace(chosen, dialect=dialect or chosen.dialect, policy=policy))


def _set(names: Sequence[str] | None, problems: int | None) -> ProblemSet:
    whole = join_sets([find_problem_set(name) for name in names or [str(DEMO_SET)]])
    return whole if problems is None else replace(whole, problems=whole.problems[:problems])


def _tell_methods(found: Mapping[tuple[str, int], LoggedRun], console: Console, *, as_json: bool) -> None:
    rows: list[MethodRow] = method_rows({key: run.solutions for key, run in found.items()})
    if as_json:
        shown: list[dict[str, Any]] = [row.to_json() for row in rows]
        typer.echo(json.dumps(shown, indent=2))
        return
    console.print(method_table(rows))
    for row in rows:
        if row.words:
            console.print(f"{row.name}, {row.limit_tokens} tokens: {row.words}", highlight=False)
