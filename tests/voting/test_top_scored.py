"""The top K by score, to vote among."""

from __future__ import annotations

import pytest

from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.voting import top_scored


def scored(rollout: int, answer: int | None, score: float | None) -> Trajectory:
    turns = (Turn("", 0, 0.0),)
    return Trajectory("p", 0, rollout, 0, 0, turns, answer, StopReason.ANSWERED, 0.0, 0.0, score=score)


def test_the_top_scored_are_kept_in_their_order() -> None:
    all_of_them = [scored(0, 1, 0.1), scored(1, 2, None), scored(2, 3, 0.9), scored(3, None, 1.0), scored(4, 4, 0.1)]
    assert [trajectory.rollout for trajectory in top_scored(all_of_them, 2)] == [0, 2]
    assert [trajectory.rollout for trajectory in top_scored(all_of_them, 9)] == [0, 1, 2, 4]


def test_a_top_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        top_scored([], 0)
