"""Recorded rollouts: they are returned as they were, and only the others are generated."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from aimo_solver.rollouts.base import LiveRollout, RolloutTask
from aimo_solver.rollouts.recorded import RecordedRollouts
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.utils.deadline import Deadline
from tests.helpers.examples import trajectory
from tests.helpers.fakes import PROBLEM


@dataclass
class NoRollouts:
    """A source that opens nothing, and keeps which rollouts it was asked for."""

    asked: list[int] = field(default_factory=list[int])
    lost_seconds: float = 5.0

    def open(self, task: RolloutTask) -> LiveRollout:
        self.asked.append(task.index)
        raise LookupError("there is nothing to open")


RECORDED = trajectory(42, problem_id=PROBLEM.id, rollout=1)


def task(index: int, spent: list[int]) -> RolloutTask:
    return RolloutTask(
        problem=PROBLEM,
        run=0,
        index=index,
        seed=index,
        problem_started_at=0.0,
        deadline=Deadline(60.0),
        spend=spent.append,
    )


def test_a_recorded_rollout_is_returned_and_its_tokens_are_spent() -> None:
    source, spent = NoRollouts(), list[int]()
    rollout = RecordedRollouts(source, [RECORDED]).open(task(1, spent))

    async def story() -> Trajectory:
        return await rollout.run()

    assert run_virtual(story()) == rollout.cancelled() == RECORDED
    assert (spent, rollout.tokens, source.asked) == ([RECORDED.tokens], RECORDED.tokens, [])


def test_a_rollout_that_is_not_recorded_comes_from_the_source() -> None:
    source = NoRollouts()
    with pytest.raises(LookupError):
        RecordedRollouts(source, [RECORDED]).open(task(2, []))
    assert source.asked == [2]


def test_lost_seconds_are_the_sources() -> None:
    assert RecordedRollouts(NoRollouts(), []).lost_seconds == 5.0
