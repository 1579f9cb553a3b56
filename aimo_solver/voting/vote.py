"""Plurality vote with weights and explicit tie-breaks.

Guarantees: the same trajectories give the same winner in whatever order they finished, except with
`TieBreak.FIRST_FINISHED`; trajectories without an answer cast no vote; a weight that is negative or
not finite counts as zero, so that one broken weight cannot win.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aimo_solver.config.names import TieBreak
from aimo_solver.rollouts.trajectory import Trajectory

Weight = Callable[[Trajectory], float]


@dataclass(frozen=True, slots=True)
class Vote:
    """How a group of rollouts voted."""

    answer: int | None
    """The winner; None if no rollout answered."""
    tally: tuple[tuple[int, float], ...]
    """Answers and their weights, winner first."""
    answered: int
    """Rollouts that cast a vote."""

    @property
    def margin(self) -> float:
        """The winner's weight minus the runner-up's."""
        if not self.tally:
            return 0.0
        return self.tally[0][1] - (self.tally[1][1] if len(self.tally) > 1 else 0.0)

    @property
    def contested(self) -> bool:
        """Whether there are several answers."""
        return len(self.tally) > 1


def equal_weight(trajectory: Trajectory) -> float:
    """One rollout, one vote."""
    return 1.0


def plurality(
    trajectories: Sequence[Trajectory],
    weight: Weight = equal_weight,
    tie_break: TieBreak = TieBreak.FIRST_ROLLOUT,
) -> Vote:
    """Returns the vote for the answer of the greatest weight. `trajectories` in the order they finished."""
    groups: dict[int, list[Trajectory]] = {}
    for trajectory in trajectories:
        if trajectory.answer is not None:
            groups.setdefault(trajectory.answer, []).append(trajectory)
    finished = {answer: place for place, answer in enumerate(groups)}
    weights = {answer: math.fsum(_usable(weight(voter)) for voter in voters) for answer, voters in groups.items()}

    def rank(answer: int) -> tuple[float, float, int]:
        voters = groups[answer]
        first_rollout = min(voter.rollout for voter in voters)  # Decides if the tie-break ties.
        return -weights[answer], _tie_rank(voters, finished[answer], tie_break), first_rollout

    order = sorted(groups, key=rank)
    tally = tuple((answer, weights[answer]) for answer in order)
    return Vote(order[0] if order else None, tally, sum(map(len, groups.values())))


def _usable(weight: float) -> float:
    return weight if math.isfinite(weight) and weight > 0 else 0.0


def _tie_rank(voters: Sequence[Trajectory], place: int, tie_break: TieBreak) -> float:
    match tie_break:
        case TieBreak.FIRST_ROLLOUT:
            return min(voter.rollout for voter in voters)
        case TieBreak.FIRST_FINISHED:
            return place
        case TieBreak.FEWEST_TOKENS:
            return sum(voter.tokens for voter in voters) / len(voters)
