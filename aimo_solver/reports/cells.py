"""How figures are written in tables: shares in percent, differences in points, both with 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from aimo_solver.runs.summary import Estimate


def percent(estimate: Estimate | None, digits: int = 1, interval_digits: int = 0) -> str:
    """As in 45.0 [37, 53]."""
    if estimate is None:
        return "-"
    low, high = (f"{100 * end:.{interval_digits}f}" for end in (estimate.low, estimate.high))
    return f"{100 * estimate.mean:.{digits}f} [{low}, {high}]"


def points(estimate: Estimate | None) -> str:
    """As in -2.5 [-10.0,+7.0]; nothing where there is nothing to differ from."""
    if estimate is None:
        return ""
    return f"{100 * estimate.mean:+.1f} [{100 * estimate.low:+.1f},{100 * estimate.high:+.1f}]"


def plain_table(names: Sequence[str], figures: Sequence[str], title: str | None = None) -> Table:
    """Columns of names, which fold, then of figures, which do not."""
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False
    )
    for name in names:
        table.add_column(name, overflow="fold")
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table
