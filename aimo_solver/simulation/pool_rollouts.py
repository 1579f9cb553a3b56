"""Rollouts that replay logged samples, one chunk each, at the speed a table gives them.

A sample takes the time its tokens take beside the others; one that its deadline cuts leaves no
answer, and nobody knows what it would have answered when asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from aimo_solver.rollouts.base import RolloutTask
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.simulation.pool import Sample
from aimo_solver.simulation.streams import Stream, Streams


class PoolRollouts:
    """RolloutSource of one problem: the n-th rollout is the n-th of `samples`."""

    def __init__(self, samples: Sequence[Sample], streams: Streams) -> None:
        self._samples, self._streams = samples, streams

    @property
    def lost_seconds(self) -> float:
        return 0.0

    def open(self, task: RolloutTask) -> PoolRollout:
        return PoolRollout(task, self._samples[task.index], self._streams)


class PoolRollout:
    """One sample under way."""

    __slots__ = ("_sample", "_started_at", "_stream", "_streams", "task")

    def __init__(self, task: RolloutTask, sample: Sample, streams: Streams) -> None:
        self.task = task
        self._sample, self._streams = sample, streams
        self._started_at = streams.loop.time()
        self._stream: Stream | None = None

    @property
    def tokens(self) -> int:
        return self._stream.tokens if self._stream is not None else 0

    async def run(self) -> Trajectory:
        loop = self._streams.loop
        self._stream = stream = self._streams.begin(self._sample.tokens)
        deadline = loop.call_at(self.task.deadline.at, stream.cut)
        try:
            done = await stream.done()
        finally:
            deadline.cancel()
        # A sample's tokens are told at its end: within a rollout a limit on tokens is as coarse as that.
        self.task.spend(self.tokens)
        if not done:
            return self._trajectory(StopReason.DEADLINE, None)
        answer = self._sample.answer
        return self._trajectory(StopReason.NO_ANSWER if answer is None else StopReason.ANSWERED, answer)

    def cancelled(self) -> Trajectory:
        return self._trajectory(StopReason.CANCELLED, None)

    def _trajectory(self, reason: StopReason, answer: int | None) -> Trajectory:
        task, seconds = self.task, self._streams.loop.time() - self._started_at
        return Trajectory(
            problem_id=task.problem.id,
            run=task.run,
            rollout=task.index,
            seed=task.seed,
            prompt_tokens=0,
            turns=(Turn("", self.tokens, seconds),),
            answer=answer,
            stop_reason=reason,
            started_seconds=self._started_at - task.problem_started_at,
            seconds=seconds,
        )
