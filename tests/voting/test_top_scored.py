"""The top K rollouts by score, which vote."""

from __future__ import annotations

import pytest

from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.voting import top_scored


def scored(rollout: int, answer: int | None, score: float | None) -> Trajectory:
    turns = (Turn("", 0, 0.0),)
    return Trajectory(
        problem_id="p",
        run=0,
        rollout=rollout,
        seed=0,
        prompt_tokens=0,
        turns=turns,
        answer=answer,
        stop_reason=StopReason.ANSWERED,
        ended_itself=True,
        started_seconds=0.0,
        seconds=0.0,
        score=score,
    )


def test_the_top_scored_are_kept_in_their_order() -> None:
    group = [scored(0, 1, 0.1), scored(1, 2, None), scored(2, 3, 0.9), scored(3, None, 1.0), scored(4, 4, 0.1)]
    assert [trajectory.rollout for trajectory in top_scored(group, 2)] == [0, 2]
    assert [trajectory.rollout for trajectory in top_scored(group, 9)] == [0, 1, 2, 4]


def test_a_top_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        top_scored([], 0)
