"""Observer: whoever wants to see a problem being solved as it happens."""

from __future__ import annotations

from aimo_solver.engine import Completion
from aimo_solver.policies.policy import Grant
from aimo_solver.problem import Problem
from aimo_solver.solution import Solution
from aimo_solver.trajectory import Trajectory, Turn
from aimo_solver.voting import Vote


class Observer:
    """Sees everything and does nothing; override what you want to see. Must not block."""

    def problem_started(self, problem: Problem, run: int, grant: Grant) -> None:
        """Its rollouts are about to begin."""

    def generated(self, rollout: int, piece: Completion) -> None:
        """A rollout wrote some tokens."""

    def turn_finished(self, rollout: int, turn: Turn) -> None:
        """A turn is over, and its code, if any, has run."""

    def rollout_finished(self, trajectory: Trajectory, vote: Vote) -> None:
        """A rollout ended; `vote` counts it in."""

    def problem_finished(self, solution: Solution) -> None:
        """The answer is there."""
