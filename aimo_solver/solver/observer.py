"""Observer: sees a problem being solved, as it happens."""

from __future__ import annotations

from collections.abc import Sequence

from aimo_solver.engine.base import Completion
from aimo_solver.policies.policy import Grant
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.base import RolloutObserver
from aimo_solver.rollouts.trajectory import Trajectory, Turn
from aimo_solver.solver.solution import Solution
from aimo_solver.voting import Vote


class Observer(RolloutObserver):
    """Does nothing with what it sees; override the methods you need. Must not block."""

    def problem_started(self, problem: Problem, run: int, grant: Grant) -> None:
        """The rollouts of this problem are about to begin."""

    def rollout_finished(self, trajectory: Trajectory, vote: Vote) -> None:
        """A rollout ended; `vote` includes it."""

    def problem_finished(self, solution: Solution) -> None:
        """The problem has its answer."""


class Observers(Observer):
    """Several observers as one, called in order."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def problem_started(self, problem: Problem, run: int, grant: Grant) -> None:
        for observer in self._observers:
            observer.problem_started(problem, run, grant)

    def generated(self, rollout: int, piece: Completion) -> None:
        for observer in self._observers:
            observer.generated(rollout, piece)

    def turn_finished(self, rollout: int, turn: Turn) -> None:
        for observer in self._observers:
            observer.turn_finished(rollout, turn)

    def rollout_finished(self, trajectory: Trajectory, vote: Vote) -> None:
        for observer in self._observers:
            observer.rollout_finished(trajectory, vote)

    def problem_finished(self, solution: Solution) -> None:
        for observer in self._observers:
            observer.problem_finished(solution)
