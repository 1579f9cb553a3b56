"""Charts of a report, as Plotly figures. The colours can be distinguished without red and green."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from aimo_solver.reports.metrics import CurvePoint
from aimo_solver.rollouts.trajectory import StopReason, Trajectory
from aimo_solver.solver.solution import Solution

RIGHT, WRONG, NO_ANSWER, CANCELLED, CODE = "#2274a5", "#e07a1f", "#8d8d8d", "#c9c9c9", "#7b3fa0"
_KINDS: Final = (("right", RIGHT), ("wrong", WRONG), ("no answer", NO_ANSWER), ("cancelled", CANCELLED))
_BINS: Final = 30
_ROUNDING: Final = 0.05
"""Seconds in a run folder are rounded."""
_BUFFER: Final = "buffer: saved so far, of the mean grant (right)"
_MAX_FIRST_SHOWN: Final = 40
"""Problems that a timeline shows before it is dragged or zoomed."""


def curve_chart(curves: Sequence[tuple[str, Sequence[CurvePoint]]]) -> go.Figure:
    """Draws maj@k and pass@k of each run folder, with their intervals."""
    figure = go.Figure()
    colours = (RIGHT, WRONG, CODE, "#3a7d44", "#b23a48", "#5c5c5c")
    for (folder, points), colour in zip(curves, colours * (1 + len(curves) // 6), strict=False):
        name = folder if len(curves) > 1 else ""
        k = [point.k for point in points]
        low = [100 * point.majority.low for point in points]
        high = [100 * point.majority.high for point in points]
        figure.add_scatter(
            x=k + k[::-1],
            y=high + low[::-1],
            mode="lines",
            fill="toself",
            fillcolor=colour,
            opacity=0.15,
            line_width=0,
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=k,
            y=[100 * p.majority.mean for p in points],
            name=f"maj@k {name}",
            mode="lines+markers",
            line_color=colour,
        )
        figure.add_scatter(
            x=k,
            y=[100 * p.any_right.mean for p in points],
            name=f"pass@k {name}",
            mode="lines+markers",
            line={"color": colour, "dash": "dot"},
        )
    return _labelled(figure, "k, rollouts per problem", "problems right, %")


def margin_chart(solutions: Sequence[Solution]) -> go.Figure:
    """Draws how far the winner was ahead, as a share of all votes."""
    edges = np.linspace(0, 1, 11)
    figure = go.Figure()
    for name, colour, wanted in (("right", RIGHT, True), ("wrong", WRONG, False)):
        margins = [s.vote.margin / s.vote.answered for s in solutions if s.vote.answered and s.correct is wanted]
        counts, _ = np.histogram(margins, edges)
        figure.add_bar(x=(edges[:-1] + 0.05).round(2).tolist(), y=counts.tolist(), name=name, marker_color=colour)
    figure.update_layout(barmode="stack", bargap=0.05)
    return _labelled(figure, "winner's lead, share of the votes", "problems")


def length_chart(solutions: Sequence[Solution]) -> go.Figure:
    """Draws how long right and wrong rollouts are."""
    tokens: dict[str, list[int]] = {name: [] for name, _ in _KINDS}
    for solution in solutions:
        for trajectory in solution.trajectories:
            tokens[kind(trajectory, solution.problem.gold)].append(trajectory.tokens)
    longest = max((max(counts) for counts in tokens.values() if counts), default=1)
    edges = np.linspace(0, longest, _BINS + 1)
    figure = go.Figure()
    for name, colour in _KINDS[:3]:
        counts, _ = np.histogram(tokens[name], edges)
        middles = ((edges[1:] + edges[:-1]) / 2).round(1).tolist()
        figure.add_bar(x=middles, y=counts.tolist(), name=name, marker_color=colour)
    figure.update_layout(barmode="stack", bargap=0.02)
    return _labelled(figure, "tokens of a finished rollout", "rollouts")


def timeline_chart(solutions: Sequence[Solution]) -> go.Figure:
    """Draws one run on its own clock: rollouts as bars, code as dots; below, the grants and what was used."""
    figure = make_subplots(
        rows=2,
        cols=1,
        shared_xaxes=True,
        row_heights=[0.7, 0.3],
        vertical_spacing=0.06,
        specs=[[{}], [{"secondary_y": True}]],
    )
    ordered = sorted(solutions, key=lambda solution: solution.started_seconds)
    lanes = _lanes(ordered)
    height = 1 + max((len(solution.trajectories) for solution in ordered), default=0)
    _add_rollouts(figure, ordered, [lane * height for lane in lanes])
    stops = [solution.started_seconds + solution.seconds for solution in ordered]
    figure.add_scatter(
        x=[round(stop, 2) for stop in stops],
        y=[lane * height - 0.7 for lane in lanes],
        text=[f"{solution.problem.id} stopped: {solution.stop}" for solution in ordered],
        name="answered",
        mode="markers",
        marker={"symbol": "triangle-up", "size": 6, "color": [_stop_colour(s) for s in ordered]},
        hoverinfo="text",
    )
    _add_budget(figure, sorted(ordered, key=lambda solution: solution.started_seconds + solution.seconds))
    figure.update_yaxes(title_text="rollouts", autorange="reversed", row=1, col=1)
    figure.update_yaxes(title_text="seconds", row=2, col=1, secondary_y=False)
    figure.update_yaxes(title_text="buffer, s", showgrid=False, row=2, col=1, secondary_y=True)
    figure.update_xaxes(title_text="seconds since the run's clock began", row=2, col=1)
    if len(ordered) > _MAX_FIRST_SHOWN:
        figure.update_xaxes(range=[ordered[0].started_seconds, max(stops[:_MAX_FIRST_SHOWN])])
    figure.update_layout(dragmode="pan")
    return _labelled(figure)


def _add_rollouts(figure: go.Figure, ordered: Sequence[Solution], rows: Sequence[int]) -> None:
    """Adds a bar per rollout, from its problem's row downwards, and a dot per run of its code."""
    bars: dict[str, tuple[list[float | None], list[float | None], list[str | None]]]
    bars = {name: ([], [], []) for name, _ in _KINDS}
    code_x: list[float] = []
    code_y: list[float] = []
    for solution, row in zip(ordered, rows, strict=True):
        for trajectory in solution.trajectories:
            y = row + trajectory.rollout
            start = solution.started_seconds + trajectory.started_seconds
            x, ys, texts = bars[kind(trajectory, solution.problem.gold)]
            outcome = f"{trajectory.answer} ({trajectory.stop_reason})"
            label = f"{solution.problem.id}, rollout {trajectory.rollout}: {outcome}"
            x += [round(start, 2), round(start + trajectory.seconds, 2), None]
            ys += [y, y, None]
            texts += [label, label, None]
            for at in _code_moments(trajectory):
                code_x.append(round(start + at, 2))
                code_y.append(y)
    for name, colour in _KINDS:
        x, ys, texts = bars[name]
        if x:
            figure.add_scatter(
                x=x, y=ys, text=texts, name=name, mode="lines", line={"color": colour, "width": 4}, hoverinfo="text"
            )
    figure.add_scatter(
        x=code_x,
        y=code_y,
        name="code ran",
        mode="markers",
        marker={"color": CODE, "size": 4, "symbol": "diamond", "opacity": 0.7},
        hoverinfo="skip",
    )


def _add_budget(figure: go.Figure, ordered: Sequence[Solution]) -> None:
    stops = [solution.started_seconds + solution.seconds for solution in ordered]
    granted = [solution.grant.seconds for solution in ordered]
    used = [solution.seconds for solution in ordered]
    saved = np.cumsum(np.mean(granted or [0.0]) - np.array(used))
    lines = (
        ("granted", granted, "#3a7d44", "solid"),
        ("used", used, RIGHT, "solid"),
        (_BUFFER, saved.tolist(), CODE, "dot"),
    )
    for name, values, colour, dash in lines:
        figure.add_scatter(
            x=[round(stop, 2) for stop in stops],
            y=[round(float(value), 2) for value in values],
            name=name,
            mode="lines",
            line={"color": colour, "dash": dash},
            row=2,
            col=1,
            secondary_y=name == _BUFFER,
        )


def kind(trajectory: Trajectory, gold: int | None) -> str:
    """Returns what a rollout counts as: right, wrong, no answer or cancelled."""
    if trajectory.stop_reason is StopReason.CANCELLED:
        return "cancelled"
    if trajectory.answer is None:
        return "no answer"
    return "right" if trajectory.answer == gold else "wrong"


def _stop_colour(solution: Solution) -> str:
    return NO_ANSWER if solution.correct is None else RIGHT if solution.correct else WRONG


def _code_moments(trajectory: Trajectory) -> Iterable[float]:
    at = 0.0
    for turn in trajectory.turns:
        at += turn.seconds
        if turn.code is not None:
            yield at
        at += turn.code_seconds


def _lanes(ordered: Sequence[Solution]) -> list[int]:
    """Returns each problem's lane; problems that were solved side by side get lanes of their own."""
    free_at: list[float] = []
    lanes: list[int] = []
    for solution in ordered:
        end = solution.started_seconds + solution.seconds
        lane = next((n for n, free in enumerate(free_at) if free <= solution.started_seconds + _ROUNDING), len(free_at))
        if lane == len(free_at):
            free_at.append(end)
        free_at[lane] = end
        lanes.append(lane)
    return lanes


def _labelled(figure: go.Figure, x: str | None = None, y: str | None = None) -> go.Figure:
    """Labels the axes; the background is transparent, for light pages and dark ones."""
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 55, "r": 15, "t": 15, "b": 45},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        font_color="#888",
        hovermode="closest",
    )
    figure.update_xaxes(gridcolor="rgba(128,128,128,0.2)", zeroline=False)
    figure.update_yaxes(gridcolor="rgba(128,128,128,0.2)", zeroline=False)
    if x is not None:
        figure.update_layout(xaxis_title=x, yaxis_title=y)
    return figure


def chart_json(figure: go.Figure) -> Any:
    """Returns the figure as Plotly.newPlot takes it."""
    return figure.to_plotly_json()
