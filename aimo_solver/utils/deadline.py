"""Deadline: a moment that moves away while no work can be done, and the limits that follow it.

Guarantees: it never comes nearer, and moves by at most `max_seconds`; a limit that was set before the
moment moved follows the new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

MIN_LOOK_SECONDS = 0.05
"""Between two looks at the clock: during an outage the moment moves as fast as the clock does."""


class Deadline:
    """When a problem's rollouts must be over. Loop times, in seconds."""

    def __init__(self, at: float, lost_seconds: Callable[[], float] = lambda: 0.0, max_seconds: float = 0.0) -> None:
        """`lost_seconds` returns the seconds lost so far; what is added from now on postpones the deadline."""
        self._at, self._lost_seconds, self._max_seconds = at, lost_seconds, max_seconds
        self._lost_before = lost_seconds()

    @property
    def at(self) -> float:
        """The moment, as things stand now."""
        return self._at + self.moved_seconds

    @property
    def moved_seconds(self) -> float:
        """Seconds by which it has been postponed."""
        return min(self._max_seconds, self._lost_seconds() - self._lost_before)

    def earlier(self, seconds: float) -> Deadline:
        """Returns a deadline that is always `seconds` before this one."""
        deadline = Deadline(self._at - seconds, self._lost_seconds, self._max_seconds)
        deadline._lost_before = self._lost_before
        return deadline

    @asynccontextmanager
    async def limit(self, before_seconds: float = 0.0) -> AsyncGenerator[None]:
        """Raises TimeoutError in its block `before_seconds` before the deadline."""
        loop = asyncio.get_running_loop()

        def look() -> None:
            nonlocal timer
            if loop.time() < self.at - before_seconds:
                timer = loop.call_at(max(self.at - before_seconds, loop.time() + MIN_LOOK_SECONDS), look)
            else:
                timeout.reschedule(loop.time())

        async with asyncio.timeout(None) as timeout:
            timer = loop.call_at(self.at - before_seconds, look)
            try:
                yield
            finally:
                timer.cancel()
