"""The table a run ends with, and that of other votes over it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from aimo_solver.reports.cells import percent, points
from aimo_solver.reports.revote import Revote
from aimo_solver.runs.summary import summarise
from aimo_solver.solver.solution import Solution


def run_table(solutions: Sequence[Solution], title: str) -> Table:
    """Problems by source, and all of them. Shares are in percent, with 95 % intervals; fits 80 columns."""
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False
    )
    table.add_column("source", ratio=1)
    for name in ("right", "majority %", "pass@1 %", "tokens", "code", "s"):
        table.add_column(name, justify="right", no_wrap=True)
    sources = sorted({solution.problem.source or "-" for solution in solutions})
    if len(sources) > 1:
        for source in sources:
            _add_row(table, source, [s for s in solutions if (s.problem.source or "-") == source])
        table.add_section()
    _add_row(table, "all", solutions)
    return table


def revote_table(rows: Sequence[Revote]) -> Table:
    """A line a vote rule; differences to plurality in points, paired."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("vote", no_wrap=True)
    for name in ("right", "majority %", "to plurality"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for row in rows:
        table.add_row(
            row.name, f"{row.correct}/{row.judged}", percent(row.majority, 0), points(row.difference), row.told
        )
    return table


def _add_row(table: Table, name: str, solutions: Sequence[Solution]) -> None:
    summary = summarise(solutions)
    table.add_row(
        name,
        f"{summary.correct}/{summary.with_gold}" if summary.with_gold else f"-/{summary.problems}",
        percent(summary.majority, 0),
        percent(summary.pass_at_1, 0),
        _thousands(summary.tokens),
        str(summary.code_calls),
        f"{summary.solve_seconds:.0f}",
    )


def _thousands(number: int) -> str:
    return f"{number / 1000:.1f}k" if number < 10_000_000 else f"{number / 1_000_000:.1f}M"
