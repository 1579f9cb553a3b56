"""Streams: how fast rollouts go on beside one another, on whatever clock the event loop keeps.

Every stream gets the same tokens/s, which depends on how many run. Guarantees: exact between
events, so the result does not depend on when anyone looks. Not modelled: prompts, a batch that
fills unevenly, waiting for code other than what the speed table already holds.
"""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush

from aimo_solver.policies.speed_table import SpeedTable

ROUNDING_TOKENS = 1e-6


class Stream:
    """One rollout's tokens, as they come."""

    __slots__ = ("_done", "_from", "_streams", "over", "to")

    def __init__(self, streams: Streams, start: float, tokens: int) -> None:
        self._streams, self._from = streams, start
        self.to = start + tokens
        """The work, in tokens of any one stream, at which it is done, or was cut."""
        self.over = False
        self._done: asyncio.Future[bool] = streams.loop.create_future()

    def __lt__(self, other: Stream) -> bool:
        return self.to < other.to

    @property
    def tokens(self) -> int:
        """So far."""
        return int(min(self._streams.work(), self.to) - self._from + ROUNDING_TOKENS)

    async def done(self) -> bool:
        """Waits until it is done, or was cut (False). To cancel the waiting is to cut it."""
        try:
            return await self._done
        finally:
            self.cut()

    def cut(self) -> None:
        """Ends it here, unless it is over."""
        if not self.over:
            self.to = self._streams.work()
            self.end(done=False)

    def end(self, *, done: bool) -> None:
        self.over = True
        self._streams.left()
        if not self._done.done():
            self._done.set_result(done)


class Streams:
    """All rollouts of one engine. Make it inside the running loop."""

    def __init__(self, speeds: SpeedTable) -> None:
        self.loop = asyncio.get_running_loop()
        self._speeds = speeds
        self._rates = [0.0]
        self._work, self._at = 0.0, self.loop.time()
        self._queue: list[tuple[float, Stream]] = []
        self._running = 0
        self._timer: asyncio.Handle | None = None

    def begin(self, tokens: int) -> Stream:
        """One more."""
        stream = Stream(self, self.work(), tokens)
        self._running += 1
        if self._running == len(self._rates):
            self._rates.append(self._speeds.per_stream(self._running))
        heappush(self._queue, (stream.to, stream))
        self._plan()
        return stream

    def left(self) -> None:
        """One less; the others go on at their new speed."""
        self.work()
        self._running -= 1
        self._plan()

    def work(self) -> float:
        """Tokens that a stream running since the beginning would have now."""
        now = self.loop.time()
        if now > self._at:
            self._work += (now - self._at) * self._rates[self._running]
            self._at = now
        return self._work

    def _plan(self) -> None:
        """Sees to it that somebody looks when the next one is done, once for all changes of this moment."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_soon(self._set_timer)

    def _set_timer(self) -> None:
        while self._queue and self._queue[0][1].over:
            heappop(self._queue)
        if self._queue:
            seconds = max(0.0, self._queue[0][0] - self.work()) / self._rates[self._running]
            self._timer = self.loop.call_at(self._at + seconds, self._finish)

    def _finish(self) -> None:
        work = self.work() + ROUNDING_TOKENS
        while self._queue and (self._queue[0][1].over or self._queue[0][0] <= work):
            _, stream = heappop(self._queue)
            if not stream.over:
                stream.end(done=True)
        self._plan()
