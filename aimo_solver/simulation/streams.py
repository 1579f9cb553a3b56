"""Streams: the progress of concurrent rollouts that share one engine, on the event loop's clock.

All streams run at the same tokens/s, which depends on how many there are. Guarantees: exact between
events, so the result does not depend on when progress is read. Not modelled: prompts, batches that
fill unevenly, and waiting for code beyond what the speed table includes.
"""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from typing import Final

from aimo_solver.policies.speed_table import SpeedTable

ROUNDING_TOKENS: Final = 1e-6


class Stream:
    """One rollout's tokens as they are generated."""

    __slots__ = ("_complete", "_start", "_streams", "end", "ended")

    def __init__(self, streams: Streams, start: float, tokens: int) -> None:
        self._streams, self._start = streams, start
        self.end = start + tokens
        """Where it is complete, or was cut, on the scale of `Streams.work`."""
        self.ended = False
        self._complete: asyncio.Future[bool] = streams.loop.create_future()

    def __lt__(self, other: Stream) -> bool:
        return self.end < other.end

    @property
    def tokens(self) -> int:
        """Tokens generated so far."""
        return int(min(self._streams.work(), self.end) - self._start + ROUNDING_TOKENS)

    async def wait(self) -> bool:
        """Waits for the end. Returns whether the stream is complete; False means it was cut.

        Cancelling the wait cuts the stream.
        """
        try:
            return await self._complete
        finally:
            self.cut()

    def cut(self) -> None:
        """Ends the stream here, unless it has ended."""
        if not self.ended:
            self.end = self._streams.work()
            self.finish(complete=False)

    def finish(self, *, complete: bool) -> None:
        """Frees its part of the engine and wakes the waiting task."""
        self.ended = True
        self._streams.remove_one()
        if not self._complete.done():
            self._complete.set_result(complete)


class Streams:
    """All streams of one engine. Create it inside the running loop."""

    def __init__(self, speeds: SpeedTable) -> None:
        self.loop = asyncio.get_running_loop()
        self._speeds = speeds
        self._rates = [0.0]
        """Tokens/s of one stream, by the number that run."""
        self._work, self._updated_at = 0.0, self.loop.time()
        self._queue: list[tuple[float, Stream]] = []
        self._running = 0
        self._timer: asyncio.Handle | None = None

    def start(self, tokens: int) -> Stream:
        """Starts a stream of `tokens` tokens; the others slow down."""
        stream = Stream(self, self.work(), tokens)
        self._running += 1
        if self._running == len(self._rates):
            self._rates.append(self._speeds.per_stream(self._running))
        heappush(self._queue, (stream.end, stream))
        self._reschedule()
        return stream

    def remove_one(self) -> None:
        """Counts one stream less; the others speed up."""
        self.work()
        self._running -= 1
        self._reschedule()

    def work(self) -> float:
        """Tokens that a stream running since the beginning would have made by now."""
        now = self.loop.time()
        if now > self._updated_at:
            self._work += (now - self._updated_at) * self._rates[self._running]
            self._updated_at = now
        return self._work

    def _reschedule(self) -> None:
        """Has the timer set again, once for all changes of this moment."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_soon(self._set_timer)

    def _set_timer(self) -> None:
        while self._queue and self._queue[0][1].ended:
            heappop(self._queue)
        if self._queue:
            seconds = max(0.0, self._queue[0][0] - self.work()) / self._rates[self._running]
            self._timer = self.loop.call_at(self._updated_at + seconds, self._finish_due)

    def _finish_due(self) -> None:
        work = self.work() + ROUNDING_TOKENS
        while self._queue and (self._queue[0][1].ended or self._queue[0][0] <= work):
            _, stream = heappop(self._queue)
            if not stream.ended:
                stream.finish(complete=True)
        self._reschedule()
