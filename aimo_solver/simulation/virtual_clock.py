"""An event loop whose time is a counter: nothing waits, and every run has the same trace.

When no callback is ready, the loop asks its selector to wait for the next timer; this selector
advances the counter instead. With no timer either, the program can never continue: that raises.
Threads, processes and sockets must not be used on this loop.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

START_SECONDS: Final = 1_000_000.0
"""Far from zero, so that loop time cannot be mistaken for seconds since the start."""
LIMIT_SECONDS: Final = 1_000_000.0
"""Ends a program whose timers keep each other alive for ever."""


class VirtualDeadlock(RuntimeError):
    """Every task waits for something that will never happen."""


class _VirtualSelector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.seconds = START_SECONDS

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise VirtualDeadlock("all tasks wait and no timer is set")
        self.seconds += max(timeout, 0.0)
        if self.seconds > START_SECONDS + LIMIT_SECONDS:
            raise VirtualDeadlock(f"not finished after {LIMIT_SECONDS:.0f} virtual seconds")
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A SelectorEventLoop on virtual time."""

    def __init__(self) -> None:
        self._virtual_selector = _VirtualSelector()
        super().__init__(self._virtual_selector)

    def time(self) -> float:
        return self._virtual_selector.seconds


def run_virtual(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs the coroutine to completion on a new virtual clock."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)
