"""One picture of simulated contests: problems solved against the time allowed, a line a policy.

The kind of file is its ending's: .svg, .png or .pdf. The same figures give the same picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aimo_solver.errors import InputError
from aimo_solver.simulation.study import PolicyFigures

KINDS = (".svg", ".png", ".pdf")
PANEL_INCHES = (5.2, 3.8)


def check_plot_path(path: Path) -> None:
    """Raises InputError for a kind of file that cannot be drawn; before minutes of simulation."""
    if path.suffix not in KINDS:
        raise InputError(f"plot must end in {', '.join(KINDS)}, got {path.name!r}")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: its folder does not exist; make it first")


def plot_study(figures: Sequence[PolicyFigures], problems: int, path: Path) -> None:
    """Draws a panel a pool and hardware, and writes the file. Error bars: one standard error.

    Raises InputError when it cannot be written.
    """
    # Half a second to import, for one option of one command.
    import matplotlib
    from matplotlib.figure import Figure

    panels: dict[tuple[str, str], list[PolicyFigures]] = {}
    for one in figures:
        panels.setdefault((one.pool, one.hardware), []).append(one)
    width, height = PANEL_INCHES
    with matplotlib.rc_context({"svg.hashsalt": "aimo", "svg.fonttype": "none", "font.size": 9}):
        picture = Figure(figsize=(width * len(panels), height), layout="constrained")
        rows = picture.subplots(1, len(panels), squeeze=False)
        for axes, ((pool, hardware), shown) in zip(rows[0], panels.items(), strict=True):
            _draw(axes, shown, problems)
            axes.set_title(f"{pool}, {hardware}")
        rows[0][-1].legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
        try:
            picture.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def _draw(axes, figures: Sequence[PolicyFigures], problems: int) -> None:  # type: ignore[no-untyped-def]
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
    axes.set_xlabel("seconds allowed a problem")
    axes.set_ylabel(f"solved of {problems}")
    axes.spines[["top", "right"]].set_visible(False)
