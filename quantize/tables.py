"""The figures of measured checkpoints: what each costs and what its rollouts are worth, as tables and a plot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from rich.table import Table

from aimo_solver.reports.tables import percent, plain_table, points
from aimo_solver.utils.plots import PLOT_STYLE, save_plot
from aimo_solver.utils.statistics import Estimate

if TYPE_CHECKING:  # matplotlib takes half a second to import.
    from matplotlib.axes import Axes

PLOT_INCHES: Final = (6.0, 4.2)
_NAMES: Final = ("checkpoint",)


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantFigures:
    """What was measured of one checkpoint. Differences are to the first; None for the first itself."""

    label: str
    model: str
    disk_bytes: int
    weight_bytes: int | None
    """GPU memory taken by the weights; None on a CPU."""
    load_seconds: float
    tokens_per_second: float
    """In the runs, time spent waiting for code included."""
    streams_tokens_per_second: float
    """Of 16 streams together that run no code."""
    rollouts: int
    """Per problem: the k of maj@k."""
    runs: int
    pass_at_1: Estimate | None
    pass_at_1_difference: Estimate | None
    majority: Estimate | None
    majority_difference: Estimate | None
    words: str
    """Says whether the majority's difference is real."""
    divergence: float | None
    """KL divergence from the first checkpoint, in nats per token."""
    greedy_same: float | None
    """Share of prompts whose completion at temperature 0 is the first checkpoint's."""
    tokens_per_rollout: float
    code_calls_per_rollout: float
    acceptance: float | None
    """Share of the tokens proposed by speculation that were accepted; None without speculation."""
    missing: Mapping[str, str] = field(default_factory=dict[str, str])
    """Figures that could not be measured, and why."""

    def to_json(self) -> dict[str, Any]:
        """Returns the figures as a row of `measured.json`; what is no number is null, as JSON has no NaN."""
        return _finite(asdict(self))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in cast("dict[str, Any]", value).items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def measured_tables(rows: Sequence[VariantFigures]) -> tuple[Table, Table, Table]:
    """Returns the tables of cost, writing and votes; each fits 80 columns.

    Shares are in percent with 95 % intervals; differences to the first row are in percentage points.
    """
    return _cost_table(rows), _writing_table(rows), _vote_table(rows)


def _cost_table(rows: Sequence[VariantFigures]) -> Table:
    table = plain_table(_NAMES, ("MB", "memory", "load s", "tokens/s", "16 streams", "drafts accepted"), "cost")
    for row in rows:
        table.add_row(
            row.label,
            f"{row.disk_bytes / 1e6:.1f}",
            "-" if row.weight_bytes is None else f"{row.weight_bytes / 1e6:.1f}",
            f"{row.load_seconds:.0f}",
            f"{row.tokens_per_second:.0f}",
            f"{row.streams_tokens_per_second:.0f}",
            "" if row.acceptance is None else f"{row.acceptance:.0%}",
        )
    return table


def _writing_table(rows: Sequence[VariantFigures]) -> Table:
    table = plain_table(_NAMES, ("KL, nats", "greedy same", "tokens", "code calls"), "writing, per rollout")
    for row in rows:
        table.add_row(
            row.label,
            "" if row.divergence is None else f"{row.divergence:.4f}",
            "" if row.greedy_same is None else f"{row.greedy_same:.0%}",
            f"{row.tokens_per_rollout:.0f}",
            f"{row.code_calls_per_rollout:.2f}",
        )
    return table


def _vote_table(rows: Sequence[VariantFigures]) -> Table:
    k, runs = rows[0].rollouts, rows[0].runs
    title = f"votes: {runs} run{'s' if runs > 1 else ''}; paired differences to {rows[0].label}"
    table = plain_table(_NAMES, ("pass@1 %", "difference", f"maj@{k} %", "difference"), title)
    for row in rows:
        table.add_row(
            row.label,
            percent(row.pass_at_1),
            points(row.pass_at_1_difference),
            percent(row.majority),
            points(row.majority_difference),
        )
    return table


def measured_markdown(rows: Sequence[VariantFigures]) -> str:
    """Returns the main figures as a Markdown table for a model's page."""
    k, runs = rows[0].rollouts, rows[0].runs
    lines = [
        f"| checkpoint | MB | tokens/s | pass@1 % | maj@{k} %, {runs} runs | to {rows[0].label}, points | KL nats |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        divergence = "" if row.divergence is None else f"{row.divergence:.4f}"
        lines.append(
            f"| {row.label} | {row.disk_bytes / 1e6:.1f} | {row.tokens_per_second:.0f} | {percent(row.pass_at_1)} "
            f"| {percent(row.majority)} | {points(row.majority_difference)} | {divergence} |"
        )
    return "\n".join(lines) + "\n"


def plot_measured(rows: Sequence[VariantFigures], path: Path) -> None:
    """Plots majority against tokens/s, one point per checkpoint. Raises InputError when it cannot be written."""
    # Half a second to import, for one option of one command.
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(PLOT_STYLE):
        plot = Figure(figsize=PLOT_INCHES, layout="constrained")
        axes: Axes = plot.subplots()
        for row in rows:
            if row.majority is not None:
                _draw_point(axes, row, row.majority)
        axes.set_xlabel("tokens/s in the runs")
        axes.set_ylabel(f"maj@{rows[0].rollouts}, %")
        axes.spines[["top", "right"]].set_visible(False)
        save_plot(plot, path)


def _draw_point(axes: Axes, row: VariantFigures, majority: Estimate) -> None:
    mean, x = 100 * majority.mean, row.tokens_per_second
    error = [[mean - 100 * majority.low], [100 * majority.high - mean]]
    axes.errorbar([x], [mean], yerr=error, marker="o", markersize=4, capsize=2)
    axes.annotate(row.label, (x, mean), xytext=(5, 4), textcoords="offset points")
