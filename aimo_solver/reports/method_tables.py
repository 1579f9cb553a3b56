"""Methods at equal tokens: a line each, and whether they really differ from the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from aimo_solver.reports.cells import percent, plain_table, points
from aimo_solver.reports.compare import compare
from aimo_solver.reports.scaling import Scaling
from aimo_solver.runs.summary import Estimate, summarise
from aimo_solver.solver.solution import Solution


@dataclass(frozen=True, slots=True)
class MethodRow:
    """One method at one limit. Tokens, seconds and code calls are a problem's."""

    name: str
    limit_tokens: int
    accuracy: Estimate | None
    correct: int
    judged: int
    tokens: float
    seconds: float
    code_calls: float
    difference: Estimate | None
    """To the first method at the same limit, paired; None for the first."""
    words: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def method_rows(runs: Mapping[tuple[str, int], Sequence[Solution]]) -> list[MethodRow]:
    """By limit, then in the order given. Keys are the method's name and the tokens a problem."""
    first = next(iter(runs))[0]
    order = sorted(runs, key=lambda key: key[1])
    return [
        _row(name, limit, runs[name, limit], None if name == first else runs[first, limit]) for name, limit in order
    ]


def _row(name: str, limit: int, solutions: Sequence[Solution], first: Sequence[Solution] | None) -> MethodRow:
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
    """Shares in percent with 95 % intervals, differences in points; fits 80 columns."""
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


def scaling_table(scaling: Scaling) -> Table:
    """A line a budget."""
    table = plain_table(("budget", "waits"), ("thinking tokens", "pass@1 %", "within budget"))
    for row in scaling.rows:
        table.add_row(
            str(row.budget.most_tokens),
            str(row.budget.waits),
            f"{row.thinking_tokens:.0f}",
            percent(row.accuracy),
            f"{row.control:.0%}",
        )
    return table
