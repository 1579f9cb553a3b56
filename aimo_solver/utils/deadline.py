"""Deadline: a moment that moves away while nobody can work, and the limits that go by it.

Guarantees: it never comes nearer, and moves by `most_seconds` at the most; a limit that was set
before the moment moved goes by the new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

LEAST_LOOK_SECONDS = 0.05
"""While nobody can work the moment moves as fast as the clock: no need to look at every tick."""


class Deadline:
    """When a problem's rollouts must be over. Loop times, in seconds."""

    def __init__(self, at: float, lost_seconds: Callable[[], float] = lambda: 0.0, most_seconds: float = 0.0) -> None:
        """`lost_seconds` tells how long nobody could work so far; what it grows from now on puts the deadline off."""
        self._at, self._lost_seconds, self._most_seconds = at, lost_seconds, most_seconds
        self._lost_before = lost_seconds()

    @property
    def at(self) -> float:
        """As things stand now."""
        return self._at + self.moved_seconds

    @property
    def moved_seconds(self) -> float:
        """How far it has been put off."""
        return min(self._most_seconds, self._lost_seconds() - self._lost_before)

    def earlier(self, seconds: float) -> Deadline:
        """Another that is always so long before this one."""
        deadline = Deadline(self._at - seconds, self._lost_seconds, self._most_seconds)
        deadline._lost_before = self._lost_before
        return deadline

    @asynccontextmanager
    async def limit(self, before_seconds: float = 0.0) -> AsyncIterator[None]:
        """Raises TimeoutError in its block so long before the deadline."""
        loop = asyncio.get_running_loop()

        def look() -> None:
            nonlocal timer
            if loop.time() < self.at - before_seconds:
                timer = loop.call_at(max(self.at - before_seconds, loop.time() + LEAST_LOOK_SECONDS), look)
            else:
                timeout.reschedule(loop.time())

        async with asyncio.timeout(None) as timeout:
            timer = loop.call_at(self.at - before_seconds, look)
            try:
                yield
            finally:
                timer.cancel()
