"""Scaling: what more thinking is worth, as s1 measures it (arXiv 2501.19393, section 3.2).

Over budgets A with accuracies f(a): Control, the share of rollouts whose thinking stayed within its
budget; Scaling, the mean slope of f over all pairs of budgets, in points of accuracy per thousand
tokens spent; Performance, the greatest f. Intervals are 95 %, over problems. Where the cap is enforced
Control is 100 %; it is printed for methods that do not enforce one.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from aimo_solver.errors import InputError
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.statistics import Estimate, estimate, resamples

if TYPE_CHECKING:
    from aimo_solver.utils.statistics import Floats

MIN_GAP_SHARE: Final = 0.05
"""Budgets whose spending differs by less have no slope between them."""
POINTS_PER_THOUSAND: Final = 100_000
"""From shares per token to percentage points per thousand tokens."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on thinking, and how it is forced."""

    max_tokens: int
    waits: int = 0
    """How often an end of thinking is taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRow:
    """The figures of one budget."""

    budget: Budget
    accuracy: Estimate
    """pass@1."""
    thinking_tokens: float
    """Mean per rollout, the forced answer left out."""
    control: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """The figures of a sweep over budgets."""

    rows: tuple[BudgetRow, ...]
    control: float
    slope: Estimate | None
    """Points per thousand tokens; None when all budgets spent the same."""
    performance: Estimate

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_scaling(runs: Sequence[tuple[Budget, Sequence[Solution]]]) -> Scaling:
    """Returns the figures of every budget over the same problems. Raises InputError."""
    import numpy as np

    ids = sorted({s.problem.id for s in runs[0][1] if s.problem.gold is not None}) if runs else []
    if not ids:
        raise InputError("scaling needs problems with gold answers, got none")
    accuracy = np.array([_by_problem(solutions, ids, _share_right) for _, solutions in runs])
    tokens = np.array([_by_problem(solutions, ids, _mean_tokens) for _, solutions in runs])
    picks = resamples(len(ids))
    drawn = accuracy[:, picks].mean(axis=2), tokens[:, picks].mean(axis=2)
    means, spent = accuracy.mean(axis=1), tokens.mean(axis=1)
    rows = tuple(
        BudgetRow(
            budget=budget,
            accuracy=estimate(float(means[n]), drawn[0][n]),
            thinking_tokens=float(spent[n]),
            control=_control(budget, solutions),
        )
        for n, (budget, solutions) in enumerate(runs)
    )
    slopes = _slope(*drawn)
    slope = _slope(means[:, None], spent[:, None])
    return Scaling(
        rows=rows,
        control=statistics.fmean(row.control for row in rows),
        slope=None if slope is None or slopes is None else estimate(float(slope[0]), slopes),
        performance=estimate(float(means.max()), drawn[0].max(axis=0)),
    )


def thinking_tokens(trajectory: Trajectory) -> int:
    """Returns the tokens generated before the answer was asked for."""
    return sum(turn.tokens for turn in trajectory.turns if not turn.flush)


def _slope(accuracy: Floats, tokens: Floats) -> Floats | None:
    """Returns the mean over pairs b > a of (f(b) - f(a)) / (b - a), one column per resample.

    None without two budgets that differ: pairs that spent nearly the same would divide luck by nothing.
    """
    import numpy as np

    spent = tokens.mean(axis=1)
    pairs = [
        (one, other)
        for one, other in combinations(range(len(accuracy)), 2)
        if abs(spent[other] - spent[one]) >= MIN_GAP_SHARE * max(spent[one], spent[other])
    ]
    if not pairs:
        return None
    gained = np.array([accuracy[other] - accuracy[one] for one, other in pairs])
    more = np.array([tokens[other] - tokens[one] for one, other in pairs])
    slopes = np.divide(POINTS_PER_THOUSAND * gained, more, out=np.zeros_like(gained), where=more != 0)
    return slopes.mean(axis=0)


def _by_problem(solutions: Sequence[Solution], ids: Sequence[str], value: Callable[[Solution], float]) -> list[float]:
    found: dict[str, list[float]] = {}
    for solution in solutions:
        found.setdefault(solution.problem.id, []).append(value(solution))
    missing = [id for id in ids if id not in found]
    if missing:
        raise InputError(f"every budget must have the same problems: {missing[0]!r} was not answered with one of them")
    return [statistics.fmean(found[id]) for id in ids]


def _share_right(solution: Solution) -> float:
    return statistics.fmean([t.answer == solution.problem.gold for t in solution.trajectories] or [False])


def _mean_tokens(solution: Solution) -> float:
    return statistics.fmean([thinking_tokens(t) for t in solution.trajectories] or [0])


def _control(budget: Budget, solutions: Sequence[Solution]) -> float:
    rollouts = [t for solution in solutions for t in solution.trajectories]
    return sum(thinking_tokens(t) <= budget.max_tokens for t in rollouts) / max(1, len(rollouts))
