"""Solution: one problem's answer, and everything it was made of."""

from __future__ import annotations

from dataclasses import dataclass

from aimo_solver.ledger import Spend
from aimo_solver.policies.policy import Grant
from aimo_solver.problem import Problem
from aimo_solver.trajectory import ENDED_BY_ITSELF, Trajectory
from aimo_solver.voting import Vote


@dataclass(frozen=True, slots=True)
class Solution:
    """What the solver returns for one problem."""

    problem: Problem
    run: int
    answer: int
    """The vote's winner, or the answer rule's fallback: always within the rule."""
    vote: Vote
    trajectories: tuple[Trajectory, ...]
    """By rollout index, cancelled ones included."""
    grant: Grant
    seconds: float
    stop: str
    """Why no more rollouts were waited for."""
    started_seconds: float = 0.0
    """Since the run's clock began."""

    @property
    def tokens(self) -> int:
        return sum(trajectory.tokens for trajectory in self.trajectories)

    @property
    def spend(self) -> Spend:
        """What it took, for the ledger."""
        ended = sum(trajectory.stop_reason in ENDED_BY_ITSELF for trajectory in self.trajectories)
        stream_seconds = sum(trajectory.seconds for trajectory in self.trajectories)
        return Spend(1, self.seconds, self.tokens, ended, stream_seconds)

    @property
    def correct(self) -> bool | None:
        """None where no gold answer is known."""
        return None if self.problem.gold is None else self.answer == self.problem.gold
