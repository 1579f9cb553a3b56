"""A plot of simulated contests: problems solved against the time allowed, one line per policy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aimo_solver.simulation.study import PolicyFigures
from aimo_solver.utils.plots import PLOT_STYLE, save_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL_INCHES: Final = (5.2, 3.8)


def plot_study(figures: Sequence[PolicyFigures], problems: int, path: Path) -> None:
    """Draws one panel per pool and hardware, and writes the file. Error bars are one standard error.

    Raises InputError when it cannot be written.
    """
    # It takes half a second to import, for one option of one command.
    import matplotlib
    from matplotlib.figure import Figure

    panels: dict[tuple[str, str], list[PolicyFigures]] = {}
    for one in figures:
        panels.setdefault((one.pool, one.hardware), []).append(one)
    width, height = PANEL_INCHES
    with matplotlib.rc_context(PLOT_STYLE):
        picture = Figure(figsize=(width * len(panels), height), layout="constrained")
        rows = picture.subplots(1, len(panels), squeeze=False)
        for axes, ((pool, hardware), shown) in zip(rows[0], panels.items(), strict=True):
            _draw(axes, shown, problems)
            axes.set_title(f"{pool}, {hardware}")
        rows[0][-1].legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
        save_plot(picture, path)


def _draw(axes: Axes, figures: Sequence[PolicyFigures], problems: int) -> None:
    lines: dict[str, list[PolicyFigures]] = {}
    for one in sorted(figures, key=lambda one: one.budget_seconds):
        lines.setdefault(one.policy, []).append(one)
    for policy, points in lines.items():
        seconds = [one.budget_seconds / problems for one in points]
        axes.errorbar(
            seconds,
            [one.solved_mean for one in points],
            yerr=[one.solved_se for one in points],
            label=policy,
            marker="o",
            markersize=3,
            capsize=2,
        )
    points = next(iter(lines.values()))
    seconds = [one.budget_seconds / problems for one in points]
    axes.plot(seconds, [one.bound for one in points], "k--", linewidth=1, label="informed bound")
    axes.plot(seconds, [one.majority_all for one in points], "k:", linewidth=1, label="majority of all")
    axes.set_xlabel("seconds allowed per problem")
    axes.set_ylabel(f"solved of {problems}")
    axes.spines[["top", "right"]].set_visible(False)
