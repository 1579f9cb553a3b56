"""RecordedRollouts: the rollouts an earlier process finished, so that they are not drawn again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aimo_solver.rollouts.base import LiveRollout, RolloutSource, RolloutTask
from aimo_solver.rollouts.trajectory import RolloutKey, Trajectory


class RecordedRollouts:
    """RolloutSource that returns recorded rollouts where there are any, and asks another source for the rest."""

    def __init__(self, source: RolloutSource, recorded: Sequence[Trajectory]) -> None:
        self._source = source
        self._recorded: dict[RolloutKey, Trajectory] = {trajectory.key: trajectory for trajectory in recorded}

    @property
    def lost_seconds(self) -> float:
        return self._source.lost_seconds

    def open(self, task: RolloutTask) -> LiveRollout:
        recorded = self._recorded.get((task.run, task.problem.id, task.index))
        return self._source.open(task) if recorded is None else _RecordedRollout(task, recorded)


@dataclass(frozen=True, slots=True)
class _RecordedRollout:
    """A rollout that is over before it begins."""

    task: RolloutTask
    trajectory: Trajectory

    @property
    def tokens(self) -> int:
        return self.trajectory.tokens

    async def run(self) -> Trajectory:
        self.task.spend(self.trajectory.tokens)
        return self.trajectory

    def cancelled(self) -> Trajectory:
        return self.trajectory
