"""`aimo report`, `compare`, `revote` and `export`: what run folders say."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from aimo_solver.cli.options import AsJson, RunFolderArgument
from aimo_solver.config.names import TieBreak
from aimo_solver.errors import InputError
from aimo_solver.reports.compare import Comparison, differing_settings
from aimo_solver.reports.compare import compare as compare_solutions
from aimo_solver.reports.inspect_export import export_inspect
from aimo_solver.reports.revote import Revote
from aimo_solver.reports.revote import revote as revote_solutions
from aimo_solver.reports.tables import revote_table
from aimo_solver.runs.flushes import count_flushes
from aimo_solver.runs.reader import LoggedRun, latest_runs, read_run
from aimo_solver.utils.text import plural
from aimo_solver.voting import VOTE_RULES, find_vote_rule

RUNS_FOLDER: Final = Path("runs")


def report(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="RUN", help="Run folders.", show_default="the latest in runs/")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The file to write.", show_default="report.html in the first run"
        ),
    ] = None,
) -> None:
    """Writes one HTML file that shows where problems, votes, tokens and seconds went. It needs no network.

    Example: aimo report runs/20260101-120000-demo
    """
    try:  # Only reports need them, and a contest's machine does without.
        from aimo_solver.reports.html_report import write_report
    except ModuleNotFoundError as error:
        raise InputError(f"{error.name} is not installed; pip install 'aimo-solver[report]'") from None
    logged: list[LoggedRun] = []
    wanted = runs or _latest(1)
    for path in wanted:
        try:
            logged.append(read_run(path))
        except InputError as error:  # The others can still be shown.
            typer.echo(f"left out: {error}", err=True)
    if not logged:
        raise InputError("no run folder could be read; there is nothing to report")
    for one in logged:
        for note in one.notes:
            typer.echo(f"{one.path}: {note}", err=True)
    for one in logged:
        if words := count_flushes(one.solutions).words:
            typer.echo(f"{one.path}: {words}")
    path = output or logged[0].path / "report.html"
    write_report(logged, path)
    typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB; open it in a browser")
    if len(logged) < len(wanted):
        raise SystemExit(1)


def compare(
    first: Annotated[
        Path | None, typer.Argument(metavar="FIRST", help="A run folder.", show_default="the latest but one in runs/")
    ] = None,
    second: Annotated[
        Path | None,
        typer.Argument(metavar="SECOND", help="Another, over the same problems.", show_default="the latest in runs/"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Says whether the second run is really better than the first, pair by pair (problem and run).

    Example: aimo compare runs/20260101-120000-demo runs/20260102-120000-demo
    """
    if first is not None and second is None:
        raise InputError("compare must have two run folders, or none for the latest two, got one")
    one, other = map(read_run, (first, second) if first and second else _latest(2))
    found = compare_solutions(one.solutions, other.solutions)
    differences = differing_settings(one.settings, other.settings)
    if as_json:
        settings = [asdict(difference) for difference in differences]
        typer.echo(json.dumps(found.to_json() | {"settings": settings}, indent=2))
        return
    for difference in differences:
        typer.echo(f"{difference.key}: {difference.first} -> {difference.second}")
    _show(found, one.name, other.name)


def revote(
    run_folder: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="A run folder.", show_default="the latest in runs/")
    ] = None,
    votes: Annotated[
        list[str] | None,
        typer.Option(
            "--vote", metavar="NAME", help=f"Repeatable: {', '.join(VOTE_RULES)}.", show_default="all of them"
        ),
    ] = None,
    tie_break: Annotated[
        TieBreak, typer.Option(metavar="NAME", help="Which of two answers with equal votes wins.")
    ] = TieBreak.FIRST_ROLLOUT,
    as_json: AsJson = False,
) -> None:
    """Shows what other vote rules would have made of a run's rollouts, without generating again.

    Example: aimo revote runs/20260101-120000-demo --vote entropy --vote code
    """
    rules = [find_vote_rule(name) for name in votes or VOTE_RULES]
    run = read_run(run_folder or _latest(1)[0])
    solutions = run.solutions
    if not solutions:
        raise InputError(f"{run.path}: has no answers yet, so there is nothing to vote on")
    rows: list[Revote] = []
    for rule in rules:
        try:
            rows.append(revote_solutions(solutions, rule, tie_break, run.rule))
        except InputError as error:
            if votes:
                raise
            typer.echo(f"left out: {error}", err=True)
    if as_json:
        typer.echo(json.dumps([row.to_json() for row in rows], indent=2))
    else:
        Console(highlight=False).print(revote_table(rows))


def export(
    run_folder: RunFolderArgument,
    output: Annotated[Path, typer.Argument(metavar="FILE", help="The log to write, .eval or .json.")],
) -> None:
    """Writes a run's rollouts as a log for Inspect's viewer (`inspect view`). Needs inspect-ai.

    Example: aimo export runs/20260101-120000-demo demo.eval
    """
    count = export_inspect(read_run(run_folder), output)
    typer.echo(f"{output}: {plural(count, 'rollout')}; inspect view --log-dir {output.parent}")


def _latest(count: int) -> list[Path]:
    """Returns the latest runs, the oldest first. Raises InputError where there are fewer."""
    found = latest_runs(RUNS_FOLDER, count)
    if len(found) < count:
        raise InputError(f"{RUNS_FOLDER}: holds {plural(len(found), 'run')}; name the run folders")
    return found


def _show(found: Comparison, first: str, second: str) -> None:
    console = Console(highlight=False)
    title = f"{plural(found.problems, 'problem')} x {plural(found.runs, 'run')}"
    table = Table("", "right, %", "only this one right", title=title)
    table.add_row(first, f"{100 * found.first:.1f}", str(found.only_first))
    table.add_row(second, f"{100 * found.second:.1f}", str(found.only_second))
    console.print(table)
    gain = found.difference
    console.print(
        f"difference {100 * gain.mean:+.1f} points [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}] "
        f"(paired bootstrap over problems), McNemar p = {found.p_value:.3g}"
    )
    console.print(found.words, style="bold")
