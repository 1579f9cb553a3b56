"""The table a run ends with."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from aimo_solver.solution import Solution
from aimo_solver.summary import Estimate, summarise


def run_table(solutions: Sequence[Solution], title: str) -> Table:
    """Problems by source, and all of them."""
    table = Table(title=title, title_justify="left")
    for name in ("source", "problems", "right by vote", "majority", "pass@1", "tokens", "code calls", "seconds"):
        table.add_column(name, justify="left" if name == "source" else "right")
    sources = sorted({solution.problem.source or "-" for solution in solutions})
    if len(sources) > 1:
        for source in sources:
            _add_row(table, source, [s for s in solutions if (s.problem.source or "-") == source])
        table.add_section()
    _add_row(table, "all", solutions)
    return table


def _add_row(table: Table, name: str, solutions: Sequence[Solution]) -> None:
    summary = summarise(solutions)
    table.add_row(
        name,
        str(summary.problems) + (f" x {summary.runs}" if summary.runs > 1 else ""),
        f"{summary.correct}/{summary.with_gold}" if summary.with_gold else "-",
        _share(summary.majority),
        _share(summary.pass_at_1),
        f"{summary.tokens:,}",
        f"{summary.code_calls:,}",
        f"{summary.solve_seconds:,.0f}",
    )


def _share(estimate: Estimate | None) -> str:
    return "-" if estimate is None else f"{estimate.mean:.1%} [{estimate.low:.0%}, {estimate.high:.0%}]"
