"""RolloutSource: where the solver gets its rollouts from.

A kernel run gets them from an engine and a sandbox, a simulation from logged samples. The solver,
the policies and the votes are the same objects in both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aimo_solver.engine.base import Completion
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.utils.contained import contained
from aimo_solver.utils.deadline import Deadline
from aimo_solver.utils.log import Log


def _uncounted(tokens: int) -> None:
    """Counts no tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutTask:
    """Which rollout of which problem, and when it must be over. Times are loop times."""

    problem: Problem
    run: int
    index: int
    seed: int
    problem_started_at: float
    deadline: Deadline
    spend: Callable[[int], None] = _uncounted
    """Is called with the number of tokens as they are generated, on any branch."""


def failed_trajectory(task: RolloutTask) -> Trajectory:
    """Returns the trajectory of a rollout that an error ended and that left nothing."""
    return Trajectory(
        problem_id=task.problem.id,
        run=task.run,
        rollout=task.index,
        seed=task.seed,
        prompt_tokens=0,
        turns=(),
        answer=None,
        stop_reason=StopReason.FAILED,
        ended_itself=False,
        started_seconds=0.0,
        seconds=0.0,
    )


class LiveRollout(Protocol):
    """A rollout under way. Run it once."""

    @property
    def task(self) -> RolloutTask: ...

    @property
    def tokens(self) -> int:
        """Tokens generated so far."""
        ...

    async def run(self) -> Trajectory:
        """Runs to its end, by the deadline, with a stated StopReason. Never raises for what a model did."""
        ...

    def cancelled(self) -> Trajectory:
        """Returns what the rollout left when it was cancelled: no answer, so no vote."""
        ...


class RolloutSource(Protocol):
    """Opens rollouts."""

    @property
    def lost_seconds(self) -> float:
        """Seconds so far in which no rollout could make progress through no fault of its own: engine restarts."""
        ...

    def open(self, task: RolloutTask) -> LiveRollout:
        """Returns a rollout that has not begun. Call it inside the running event loop, in the order of beginning."""
        ...


class RolloutObserver:
    """Sees rollouts as they are generated, and does nothing; override what you want to see. Must not block."""

    def generated(self, rollout: int, piece: Completion) -> None:
        """Rollout number `rollout` has generated a piece of text."""

    def turn_finished(self, rollout: int, turn: Turn) -> None:
        """A turn has ended, and its code, if any, has run."""


class ContainedRolloutObserver(RolloutObserver):
    """Another observer, whose errors cost what it shows or writes, and a line in the log the first time."""

    def __init__(self, observer: RolloutObserver, log: Log) -> None:
        self._watched, self._log_line = observer, log
        self._known: set[str] = set()

    def generated(self, rollout: int, piece: Completion) -> None:
        with contained("the observer", self._once):
            self._watched.generated(rollout, piece)

    def turn_finished(self, rollout: int, turn: Turn) -> None:
        with contained("the observer", self._once):
            self._watched.turn_finished(rollout, turn)

    def _once(self, line: str) -> None:
        if line not in self._known:
            self._known.add(line)
            self._log_line(line)
