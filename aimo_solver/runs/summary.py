"""Summary: a run's figures, with intervals.

pass@1 counts every finished rollout alike: one without an answer is wrong; one that was cancelled
because the vote was settled is left out. Intervals are 95 %, bootstrapped over problems (each
problem's runs stay together), because problems differ far more than seeds do.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aimo_solver.rollouts.trajectory import StopReason
from aimo_solver.runs.flushes import Flushes, count_flushes
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.statistics import Estimate, estimate_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A run's figures. Accuracies are None where no gold answer is known."""

    runs: int
    problems: int
    with_gold: int
    """Answers to problems whose gold answer is known."""
    correct: int
    pass_at_1: Estimate | None
    majority: Estimate | None
    fallback_answers: int
    """Answers without a vote."""
    contested: int
    """Answers whose vote was split."""
    rollouts: int
    cancelled: int
    tokens: int
    code_calls: int
    code_seconds: float
    """Time that rollouts waited for code, added up."""
    solve_seconds: float
    stop_reasons: dict[str, int]
    flushes: Flushes
    """Rollouts that were asked for their answer."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def summarise(solutions: Sequence[Solution]) -> Summary:
    """Returns the figures over every run of every problem."""
    trajectories = [trajectory for solution in solutions for trajectory in solution.trajectories]
    judged = [solution for solution in solutions if solution.problem.gold is not None]
    return Summary(
        runs=len({solution.run for solution in solutions}),
        problems=len({solution.problem.id for solution in solutions}),
        with_gold=len(judged),
        correct=sum(bool(solution.correct) for solution in judged),
        pass_at_1=_estimate(judged, _share_right),
        majority=_estimate(judged, lambda solution: float(bool(solution.correct))),
        fallback_answers=sum(solution.vote.answer is None for solution in solutions),
        contested=sum(solution.vote.contested for solution in solutions),
        rollouts=len(trajectories),
        cancelled=sum(trajectory.stop_reason is StopReason.CANCELLED for trajectory in trajectories),
        tokens=sum(solution.tokens for solution in solutions),
        code_calls=sum(trajectory.code_calls for trajectory in trajectories),
        code_seconds=sum(trajectory.code_seconds for trajectory in trajectories),
        solve_seconds=sum(solution.seconds for solution in solutions),
        stop_reasons=dict(Counter(str(trajectory.stop_reason) for trajectory in trajectories)),
        flushes=count_flushes(solutions),
    )


def _share_right(solution: Solution) -> float | None:
    finished = [t for t in solution.trajectories if t.stop_reason is not StopReason.CANCELLED]
    if not finished:
        return None
    return sum(trajectory.answer == solution.problem.gold for trajectory in finished) / len(finished)


def _estimate(solutions: Sequence[Solution], value: Callable[[Solution], float | None]) -> Estimate | None:
    by_problem: dict[str, list[float]] = {}
    for solution in solutions:
        if (score := value(solution)) is not None:
            by_problem.setdefault(solution.problem.id, []).append(score)
    if not by_problem:
        return None
    return estimate_mean([statistics.fmean(scores) for scores in by_problem.values()])
