"""`aimo report`, `aimo compare`, `aimo revote` and `aimo export`: what run folders tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from aimo_solver.app.kernel import run_or_exit
from aimo_solver.errors import InputError
from aimo_solver.reports.compare import Comparison
from aimo_solver.reports.compare import compare as compare_solutions
from aimo_solver.reports.inspect_export import export_inspect
from aimo_solver.reports.revote import Revote
from aimo_solver.reports.revote import revote as revote_solutions
from aimo_solver.reports.tables import revote_table
from aimo_solver.runs.reader import LoggedRun, read_run
from aimo_solver.voting import VOTE_RULES, TieBreak, find_vote_rule

AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]


def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; report.html in the first folder if not given.")
    ] = None,
) -> None:
    """Writes one HTML file that shows where problems, votes, tokens and seconds went. It needs no network.

    Example: aimo report runs/20260101-120000-demo
    """

    def run() -> None:
        try:  # Only reports need them, and a contest's machine does without.
            from aimo_solver.reports.html_report import write_report
        except ModuleNotFoundError as error:
            raise InputError(f"{error.name} is not installed; pip install 'aimo-solver[report]'") from None
        logged: list[LoggedRun] = []
        for path in runs:
            try:
                logged.append(read_run(path))
            except InputError as error:  # The others can still be shown.
                typer.echo(f"left out: {error}", err=True)
        if not logged:
            raise InputError("no run folder could be read; there is nothing to report")
        for one in logged:
            for note in one.notes:
                typer.echo(f"{one.path}: {note}", err=True)
        path = output or logged[0].path / "report.html"
        write_report(logged, path)
        typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB; open it in a browser")
        if len(logged) < len(runs):
            raise SystemExit(1)

    run_or_exit(run)


def compare(
    first: Annotated[Path, typer.Argument(help="A run folder.")],
    second: Annotated[Path, typer.Argument(help="Another, over the same problems.")],
    as_json: AsJson = False,
) -> None:
    """Says whether the second run is really better than the first, pair by pair (problem and run).

    Example: aimo compare runs/20260101-120000-demo runs/20260102-120000-demo
    """

    def run() -> None:
        one, other = read_run(first), read_run(second)
        found = compare_solutions(one.solutions, other.solutions)
        if as_json:
            typer.echo(json.dumps(found.to_json(), indent=2))
        else:
            _show(found, one.name, other.name)

    run_or_exit(run)


def revote(
    run_folder: Annotated[Path, typer.Argument(help="A run folder.")],
    votes: Annotated[
        list[str] | None, typer.Option("--vote", help=f"One of {', '.join(VOTE_RULES)}; repeatable; all if none.")
    ] = None,
    tie_break: Annotated[TieBreak, typer.Option(help="Which of two equal answers wins.")] = TieBreak.FIRST_ROLLOUT,
    as_json: AsJson = False,
) -> None:
    """Tells what other vote rules would have made of a run's rollouts, without generating again.

    Example: aimo revote runs/20260101-120000-demo --vote entropy --vote code
    """

    def run() -> None:
        rules = [find_vote_rule(name) for name in votes or VOTE_RULES]
        solutions = read_run(run_folder).solutions
        if not solutions:
            raise InputError(f"{run_folder}: has no answers yet; there is nothing to vote on")
        rows: list[Revote] = []
        for rule in rules:
            try:
                rows.append(revote_solutions(solutions, rule, tie_break))
            except InputError as error:
                if votes:
                    raise
                typer.echo(f"left out: {error}", err=True)
        if as_json:
            typer.echo(json.dumps([row.to_json() for row in rows], indent=2))
        else:
            Console(highlight=False).print(revote_table(rows))

    run_or_exit(run)


def export(
    run_folder: Annotated[Path, typer.Argument(help="A run folder.")],
    output: Annotated[Path, typer.Argument(help="The log, .eval or .json.")],
) -> None:
    """Writes a run's rollouts as a log for Inspect's viewer (`inspect view`). Needs inspect-ai.

    Example: aimo export runs/20260101-120000-demo demo.eval
    """

    def run() -> None:
        count = export_inspect(read_run(run_folder), output)
        typer.echo(f"{output}: {count} rollouts; inspect view --log-dir {output.parent}")

    run_or_exit(run)


def _show(found: Comparison, first: str, second: str) -> None:
    console = Console(highlight=False)
    table = Table("", "right, %", "only this one right", title=f"{found.problems} problems x {found.runs} runs")
    table.add_row(first, f"{100 * found.first:.1f}", str(found.only_first))
    table.add_row(second, f"{100 * found.second:.1f}", str(found.only_second))
    console.print(table)
    gain = found.difference
    console.print(
        f"difference {100 * gain.mean:+.1f} points [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}] "
        f"(paired bootstrap over problems), McNemar p = {found.p_value:.3g}"
    )
    console.print(found.words, style="bold")
