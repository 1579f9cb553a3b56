"""Observer: sees a problem being solved, as it happens."""

from __future__ import annotations

from collections.abc import Sequence

from aimo_solver.engine.base import Completion
from aimo_solver.policies.policy import Grant
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.base import ContainedRolloutObserver, RolloutObserver
from aimo_solver.rollouts.trajectory import Trajectory, Turn
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.contained import contained
from aimo_solver.utils.log import Log
from aimo_solver.voting import Vote


class Observer(RolloutObserver):
    """Does nothing with what it sees; override the methods you need. Must not block."""

    def problem_started(self, problem: Problem, run: int, grant: Grant) -> None:
        """The rollouts of this problem are about to begin."""

    def rollout_finished(self, trajectory: Trajectory, vote: Vote) -> None:
        """A rollout ended; `vote` includes it."""

    def problem_finished(self, solution: Solution) -> None:
        """The problem has its answer."""


class ContainedObserver(ContainedRolloutObserver, Observer):
    """Another observer, whose errors cost what it shows or writes, and a line in the log the first time."""

    def __init__(self, observer: Observer, log: Log) -> None:
        super().__init__(observer, log)
        self._observer = observer

    def problem_started(self, problem: Problem, run: int, grant: Grant) -> None:
        with contained("the observer", self._once):
            self._observer.problem_started(problem, run, grant)

    def rollout_finished(self, trajectory: Trajectory, vote: Vote) -> None:
        with contained("the observer", self._once):
            self._observer.rollout_finished(trajectory, vote)

    def problem_finished(self, solution: Solution) -> None:
        with contained("the observer", self._once):
            self._observer.problem_finished(solution)


class Observers(Observer):
    """Several observers as one, called in order; an error of one does not keep the others from seeing."""

    def __init__(self, observers: Sequence[Observer], log: Log = lambda line: None) -> None:
        self._observers = tuple(ContainedObserver(observer, log) for observer in observers)

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
