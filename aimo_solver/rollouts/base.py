"""RolloutSource: where the solver gets its rollouts from.

A kernel run takes them from an engine and a sandbox, a simulation from logged samples. The solver,
the policies and the votes are the same objects in both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aimo_solver.engine.base import Completion
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.trajectory import Trajectory, Turn
from aimo_solver.utils.deadline import Deadline


def _free(tokens: int) -> None:
    """Nobody counts."""


@dataclass(frozen=True, slots=True)
class RolloutTask:
    """Which rollout of which problem, and when it must be over. Times are loop times."""

    problem: Problem
    run: int
    index: int
    seed: int
    problem_started_at: float
    deadline: Deadline
    spend: Callable[[int], None] = _free
    """Told of tokens as they are generated, on whatever branch."""


class LiveRollout(Protocol):
    """A rollout under way. Run it once."""

    @property
    def task(self) -> RolloutTask: ...

    @property
    def tokens(self) -> int:
        """Generated so far."""
        ...

    async def run(self) -> Trajectory:
        """The attempt, to its end: by the deadline, and with a stated StopReason. Never raises for what a model did."""
        ...

    def cancelled(self) -> Trajectory:
        """What it left when it was cancelled: no answer, so no vote."""
        ...


class RolloutSource(Protocol):
    """Opens rollouts."""

    @property
    def lost_seconds(self) -> float:
        """So far, in which no rollout could go on through no fault of its own: an engine was restarted."""
        ...

    def open(self, task: RolloutTask) -> LiveRollout:
        """A rollout that has not begun; called inside the running event loop, in the order they are to begin."""
        ...


class RolloutObserver:
    """Sees rollouts as they are generated, and does nothing; override what you want to see. Must not block."""

    def generated(self, rollout: int, piece: Completion) -> None:
        """Rollout number `rollout` has generated a piece of text."""

    def turn_finished(self, rollout: int, turn: Turn) -> None:
        """A turn has ended, and its code, if any, has run."""
