"""WeightBounds: how far the rollouts to come can still change a vote's weights, for rules that have a limit.

A vote whose winner leads by more than all of that is settled: whatever the rest answers, and however its
ties are broken, the winner stays. Guaranteed for weights as the rules compute them; a rule without a bound
never settles a vote.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aimo_solver.rollouts.trajectory import Trajectory

Bound = Callable[[Sequence[Trajectory], Sequence[float], int], "WeightBounds"]
"""From a group's voters, their weights now and the number of rollouts to come."""

_ROUNDING: Final = 1e-9
"""As a share of all weights: a smaller lead may be rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightBounds:
    """The limits within which weights stay, whatever the rollouts to come are like."""

    lowest: Sequence[float]
    """By voter, in their order."""
    highest: Sequence[float]
    """By voter, in their order."""
    newcomer: float
    """The most that a rollout to come can weigh."""


def fixed(newcomer: float) -> Bound:
    """For rules that weigh a rollout by itself, at most with `newcomer`."""

    def bound(voters: Sequence[Trajectory], weights: Sequence[float], to_come: int) -> WeightBounds:
        return WeightBounds(lowest=weights, highest=weights, newcomer=newcomer)

    return bound


def settled_answer(voters: Sequence[Trajectory], bounds: WeightBounds, to_come: int) -> int | None:
    """Returns the answer that wins whatever the rollouts to come answer; None while there is none."""
    lowest, highest = _by_answer(voters, bounds.lowest), _by_answer(voters, bounds.highest)
    if not lowest:
        return None
    leader = max(lowest, key=lambda answer: lowest[answer])
    to_beat = max((weight for answer, weight in highest.items() if answer != leader), default=0.0)
    addition = to_come * bounds.newcomer
    slack = _ROUNDING * (math.fsum(highest.values()) + addition)
    return leader if lowest[leader] > to_beat + addition + slack else None


def _by_answer(voters: Sequence[Trajectory], weights: Sequence[float]) -> dict[int, float]:
    added: dict[int, list[float]] = {}
    for voter, weight in zip(voters, weights, strict=True):
        if voter.answer is not None:
            added.setdefault(voter.answer, []).append(weight)
    return {answer: math.fsum(weights) for answer, weights in added.items()}
