"""The top K rollouts by score, which vote: the last step of rStar-Math's search (arXiv 2501.04519)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aimo_solver.rollouts.trajectory import Trajectory


def top_scored(trajectories: Sequence[Trajectory], k: int) -> list[Trajectory]:
    """Returns the `k` answered trajectories with the highest scores, in the order given.

    Trajectories without a score come last; among equal scores the lowest rollout index is kept.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k!r}")
    answered = [(place, trajectory) for place, trajectory in enumerate(trajectories) if trajectory.answer is not None]
    answered.sort(key=lambda entry: score_rank(entry[1]))
    return [trajectory for _, trajectory in sorted(answered[:k], key=lambda entry: entry[0])]


def score_rank(trajectory: Trajectory) -> tuple[float, int]:
    """Returns where a rollout stands by its score: the best first, those without a score last, ties by index."""
    return math.inf if trajectory.score is None else -trajectory.score, trajectory.rollout
