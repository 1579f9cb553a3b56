"""Output: what a cell and all it starts write to descriptors 1 and 2, read while it runs."""

from __future__ import annotations

import asyncio
import os

FLOOD_BYTES = 4 * 2**20
"""A cell that prints more than this is stopped."""

_READ_BYTES = 2**16


class Output:
    """Collects what comes out of the pipe during one cell."""

    def __init__(self, descriptor: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._parts = bytearray()
        self.flooded: asyncio.Future[None] = self._loop.create_future()
        self.drain()
        self._parts.clear()  # Written between the cells, by a thread of an earlier one.
        self._loop.add_reader(descriptor, self._read)

    def drain(self) -> bytes:
        """All that was written up to now."""
        while len(self._parts) <= FLOOD_BYTES and self._read():
            pass
        return bytes(self._parts)

    def close(self) -> None:
        self._loop.remove_reader(self._descriptor)
        self.flooded.cancel()

    def _read(self) -> bool:
        try:
            part = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return False
        if not part:  # Every writer is gone; the reader would be called for ever.
            self._loop.remove_reader(self._descriptor)
            return False
        if len(self._parts) <= FLOOD_BYTES:
            self._parts += part  # Else dropped: the writer must not block before it is stopped.
        elif not self.flooded.done():
            self.flooded.set_result(None)
        return True
