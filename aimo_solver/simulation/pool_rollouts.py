"""Rollouts that replay logged samples at the speeds of a table.

A sample takes as long as its tokens take at the speed that the number of concurrent streams allows.
One cut by its deadline leaves no answer: what the model would have said when asked is not known.
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
    """LiveRollout that replays one sample."""

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
        self._stream = stream = self._streams.start(self._sample.tokens)
        deadline = loop.call_at(self.task.deadline.at, stream.cut)
        try:
            complete = await stream.wait()
        finally:
            deadline.cancel()
        # A sample's tokens are charged when it ends, so a limit on tokens acts between rollouts only.
        self.task.spend(self.tokens)
        if not complete:
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
            ended_itself=reason in (StopReason.ANSWERED, StopReason.NO_ANSWER),
            started_seconds=self._started_at - task.problem_started_at,
            seconds=seconds,
        )
