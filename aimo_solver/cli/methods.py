"""`aimo methods` and `aimo scaling`: methods side by side, and budgets of one method."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from aimo_solver.app.methods import Method, Study, study_budgets, study_methods
from aimo_solver.app.options import STUDY_LIMIT_SECONDS, Overrides, RunOptions, choose_options
from aimo_solver.cli.options import (
    METHOD,
    AsJson,
    AtOnce,
    Code,
    DialectName,
    HardwareName,
    Model,
    PresetName,
    Problems,
    ProblemSets,
    Runs,
    Seed,
    StudyFolder,
)
from aimo_solver.engine.hardware import AUTO
from aimo_solver.errors import InputError
from aimo_solver.problems.sets.fetch import find_problems
from aimo_solver.reports.scaling import Budget
from aimo_solver.reports.tables import MethodRow, method_rows, method_table, scaling_table
from aimo_solver.runs.reader import LoggedRun
from aimo_solver.utils.paths import DEMO_MODEL
from aimo_solver.utils.streams import outlive_readers


def methods(
    out: StudyFolder,
    presets: Annotated[
        list[str],
        typer.Option(
            "--preset", metavar="NAME", help="A method by name or TOML file; repeatable.", rich_help_panel=METHOD
        ),
    ],
    sets: ProblemSets = None,
    tokens: Annotated[
        list[int], typer.Option(min=1, metavar="N", help="Tokens per problem; repeatable.", rich_help_panel=METHOD)
    ] = [1000, 2000, 4000],  # noqa: B006
    runs: Runs = 5,
    problems: Problems = None,
    at_once: AtOnce = 1,
    model: Model = DEMO_MODEL,
    hardware: HardwareName = AUTO,
    dialect: DialectName = None,
    concurrent: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Rollouts at once, fewer where the limit is small. A search keeps its own number.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Compares whole methods at equal tokens per problem and says which differences from the first are real.

    Example: aimo methods --preset numina-aimo1 --preset s1 --dialect numina --tokens 1000 --out runs/methods
    """
    outlive_readers()
    console = Console(stderr=as_json)
    overrides = Overrides(dialect=dialect, concurrent=concurrent)
    chosen = [Method(Path(name).stem, _options(model, name, hardware, seed, overrides=overrides)) for name in presets]
    if len({method.name for method in chosen}) < len(chosen):
        raise InputError(f"presets must have different names, got {', '.join(m.name for m in chosen)}")
    study = Study(problem_set=find_problems(sets, problems), runs=runs, at_once=at_once, out=out, console=console)
    found = asyncio.run(study_methods(chosen, sorted(set(tokens)), study))
    _print_methods(found, console, as_json=as_json)


def scaling(
    out: StudyFolder,
    sets: ProblemSets = None,
    budget: Annotated[
        list[int], typer.Option(min=1, metavar="N", help="Tokens of thinking; repeatable.", rich_help_panel=METHOD)
    ] = [32, 64, 128, 256],  # noqa: B006
    waits: Annotated[
        list[int],
        typer.Option(min=0, metavar="N", help="Ends of thinking to take back; repeatable.", rich_help_panel=METHOD),
    ] = [0],  # noqa: B006
    runs: Runs = 1,
    problems: Problems = None,
    at_once: AtOnce = 1,
    rollouts: Annotated[
        int, typer.Option(min=1, metavar="N", help="Rollouts per problem and budget.", rich_help_panel=METHOD)
    ] = 4,
    model: Model = DEMO_MODEL,
    hardware: HardwareName = AUTO,
    preset: PresetName = None,
    dialect: DialectName = None,
    code: Code = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Sweeps budgets of thinking and prints s1's Control, Scaling and Performance, with intervals.

    Example: aimo scaling --budget 64 --budget 128 --budget 256 --waits 0 --waits 2 --out runs/scaling
    """
    outlive_readers()
    console = Console(stderr=as_json)
    overrides = Overrides(dialect=dialect, rollouts=rollouts, early_stop=False, code=code)
    options = _options(model, preset, hardware, seed, overrides=overrides)
    budgets = [Budget(tokens, count) for count in sorted(set(waits)) for tokens in sorted(set(budget))]
    study = Study(problem_set=find_problems(sets, problems), runs=runs, at_once=at_once, out=out, console=console)
    found = asyncio.run(study_budgets(options, budgets, study))
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
        return
    console.print(scaling_table(found))
    console.print(f"Control {found.control:.0%}", highlight=False)
    slope = "- (all budgets spent the same)" if found.slope is None else str(found.slope)
    console.print(f"Scaling {slope} points per 1,000 tokens", highlight=False)
    console.print(f"Performance {found.performance}", highlight=False)


def _options(model: Path, preset: str | None, hardware: str, seed: int, *, overrides: Overrides) -> RunOptions:
    return choose_options(
        model,
        preset=preset,
        hardware=hardware,
        seed=seed,
        limit_seconds=STUDY_LIMIT_SECONDS,
        overrides=overrides,
    )


def _print_methods(found: Mapping[tuple[str, int], LoggedRun], console: Console, *, as_json: bool) -> None:
    rows: Sequence[MethodRow] = method_rows({key: run.solutions for key, run in found.items()})
    if as_json:
        typer.echo(json.dumps([row.to_json() for row in rows], indent=2))
        return
    console.print(method_table(rows))
    for row in rows:
        if row.words:
            console.print(f"{row.name}, {row.limit_tokens} tokens: {row.words}", highlight=False)
