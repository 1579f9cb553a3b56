"""Tables and the picture of measured checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from aimo_solver.errors import InputError
from aimo_solver.reports.cells import percent, plain_table, points
from aimo_solver.runs.summary import Estimate
from quantize.measured import Measured

PICTURE_INCHES = (6.0, 4.2)
_NAMES = ("checkpoint",)


def measured_tables(rows: Sequence[Measured]) -> tuple[Table, Table, Table]:
    """What each checkpoint costs, how it writes, and what its rollouts are worth; each fits 80 columns.

    Shares are in percent with 95 % intervals, differences in points to the first.
    """
    return _costs(rows), _writing(rows), _worth(rows)


def _costs(rows: Sequence[Measured]) -> Table:
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


def _writing(rows: Sequence[Measured]) -> Table:
    table = plain_table(_NAMES, ("KL, nats", "greedy same", "tokens", "code calls"), "writing")
    for row in rows:
        table.add_row(
            row.label,
            "" if row.divergence is None else f"{row.divergence:.4f}",
            "" if row.greedy_same is None else f"{row.greedy_same:.0%}",
            f"{row.tokens_per_rollout:.0f}",
            f"{row.code_calls_per_rollout:.2f}",
        )
    return table


def _worth(rows: Sequence[Measured]) -> Table:
    k, runs = rows[0].rollouts, rows[0].runs
    title = f"votes: {runs} run{'s' if runs > 1 else ''}; differences to {rows[0].label}, paired"
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


def measured_markdown(rows: Sequence[Measured]) -> str:
    """The same for a model's page."""
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


def plot_measured(rows: Sequence[Measured], path: Path) -> None:
    """Majority against tokens/s, a point a checkpoint. Raises InputError when it cannot be written."""
    # Half a second to import, for one option of one command.
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "aimo", "svg.fonttype": "none", "font.size": 9}):
        picture = Figure(figsize=PICTURE_INCHES, layout="constrained")
        axes = picture.subplots()
        for row in rows:
            if row.majority is not None:
                _draw_point(axes, row, row.majority)
        axes.set_xlabel("tokens/s of the runs")
        axes.set_ylabel(f"maj@{rows[0].rollouts}, %")
        axes.spines[["top", "right"]].set_visible(False)
        try:
            picture.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def _draw_point(axes, row: Measured, majority: Estimate) -> None:  # type: ignore[no-untyped-def]
    mean, x = 100 * majority.mean, row.tokens_per_second
    error = [[mean - 100 * majority.low], [100 * majority.high - mean]]
    axes.errorbar([x], [mean], yerr=error, marker="o", markersize=4, capsize=2)
    axes.annotate(row.label, (x, mean), xytext=(5, 4), textcoords="offset points")
