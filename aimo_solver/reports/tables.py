"""Tables of runs, vote rules, methods and budgets, and how figures are written in them.

Shares are in percent and differences in points, both with 95 % intervals; every table fits 80 columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from aimo_solver.reports.compare import compare
from aimo_solver.reports.revote import Revote
from aimo_solver.reports.scaling import Scaling
from aimo_solver.runs.flushes import count_flushes
from aimo_solver.runs.summary import summarise
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.statistics import Estimate


def percent(estimate: Estimate | None, digits: int = 1, interval_digits: int = 0) -> str:
    """Returns a share as in "45.0 [37, 53]"; "-" without one."""
    if estimate is None:
        return "-"
    low, high = (f"{100 * end:.{interval_digits}f}" for end in (estimate.low, estimate.high))
    return f"{100 * estimate.mean:.{digits}f} [{low}, {high}]"


def points(estimate: Estimate | None) -> str:
    """Returns a difference as in "-2.5 [-10.0,+7.0]"; nothing without one."""
    if estimate is None:
        return ""
    return f"{100 * estimate.mean:+.1f} [{100 * estimate.low:+.1f},{100 * estimate.high:+.1f}]"


def plain_table(names: Sequence[str], figures: Sequence[str], title: str | None = None) -> Table:
    """Returns a table with columns of names, which fold, then of figures, which do not."""
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False
    )
    for name in names:
        table.add_column(name, overflow="fold")
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table


# Runs


def run_table(solutions: Sequence[Solution], title: str) -> Table:
    """Returns the table that a run ends with: one row per source of problems, and one for all of them."""
    table = plain_table((), (), title)
    table.add_column("source", ratio=1)
    for name in ("right", "majority %", "pass@1 %", "tokens", "code", "s"):
        table.add_column(name, justify="right", no_wrap=True)
    sources = sorted({solution.problem.source or "-" for solution in solutions})
    if len(sources) > 1:
        for source in sources:
            _add_run_row(table, source, [s for s in solutions if (s.problem.source or "-") == source])
        table.add_section()
    _add_run_row(table, "all", solutions)
    return table


def print_flushes(solutions: Sequence[Solution], console: Console) -> None:
    """Prints the line about votes that came by a flush; nothing where no rollout was asked."""
    words = count_flushes(solutions).words
    if words:
        console.print(words, highlight=False, soft_wrap=True)


def _add_run_row(table: Table, name: str, solutions: Sequence[Solution]) -> None:
    summary = summarise(solutions)
    table.add_row(
        name,
        f"{summary.correct}/{summary.with_gold}" if summary.with_gold else f"-/{summary.problems}",
        percent(summary.majority, 0),
        percent(summary.pass_at_1, 0),
        _short(summary.tokens),
        str(summary.code_calls),
        f"{summary.solve_seconds:.0f}",
    )


def _short(tokens: int) -> str:
    return f"{tokens / 1000:.1f}k" if tokens < 10_000_000 else f"{tokens / 1_000_000:.1f}M"


# Vote rules


def revote_table(rows: Sequence[Revote]) -> Table:
    """Returns one row per vote rule; differences to plurality are paired."""
    table = plain_table((), ())
    table.add_column("vote", no_wrap=True)
    for name in ("right", "majority %", "to plurality"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for row in rows:
        table.add_row(
            row.name, f"{row.correct}/{row.judged}", percent(row.majority, 0), points(row.difference), row.description
        )
    return table


# Methods at equal tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodRow:
    """One method at one token limit. Tokens, seconds and code calls are per problem."""

    name: str
    limit_tokens: int
    accuracy: Estimate | None
    correct: int
    judged: int
    tokens: float
    seconds: float
    code_calls: float
    difference: Estimate | None
    """To the first method at the same limit, paired; None for the first method."""
    words: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def method_rows(runs: Mapping[tuple[str, int], Sequence[Solution]]) -> list[MethodRow]:
    """Returns the rows by limit, then in the order given. Keys are the method's name and its tokens per problem."""
    first = next(iter(runs))[0]
    order = sorted(runs, key=lambda key: key[1])
    return [
        _method_row(name, limit, runs[name, limit], None if name == first else runs[first, limit])
        for name, limit in order
    ]


def _method_row(name: str, limit: int, solutions: Sequence[Solution], first: Sequence[Solution] | None) -> MethodRow:
    summary, count = summarise(solutions), max(1, len(solutions))
    comparison = None if first is None or not summary.with_gold else compare(first, solutions)
    return MethodRow(
        name=name,
        limit_tokens=limit,
        accuracy=summary.majority,
        correct=summary.correct,
        judged=summary.with_gold,
        tokens=sum(solution.tokens for solution in solutions) / count,
        seconds=summary.solve_seconds / count,
        code_calls=summary.code_calls / count,
        difference=None if comparison is None else comparison.difference,
        words="" if comparison is None else comparison.words,
    )


def method_table(rows: Sequence[MethodRow]) -> Table:
    """Returns one row per method and limit."""
    table = plain_table(("limit", "method"), ("right", "accuracy %", "to the first", "tokens", "s", "code"))
    for row in rows:
        table.add_row(
            str(row.limit_tokens),
            row.name,
            f"{row.correct}/{row.judged}",
            percent(row.accuracy),
            points(row.difference),
            f"{row.tokens:.0f}",
            f"{row.seconds:.1f}",
            f"{row.code_calls:.1f}",
        )
    return table


# Budgets


def scaling_table(scaling: Scaling) -> Table:
    """Returns one row per budget."""
    table = plain_table(("budget", "waits"), ("thinking tokens", "pass@1 %", "within budget"))
    for row in scaling.rows:
        table.add_row(
            str(row.budget.max_tokens),
            str(row.budget.waits),
            f"{row.thinking_tokens:.0f}",
            percent(row.accuracy),
            f"{row.control:.0%}",
        )
    return table
