"""Output: what a cell and everything it starts write to descriptors 1 and 2, read while the cell runs."""

from __future__ import annotations

import asyncio
import os

MAX_OUTPUT_BYTES = 4 * 2**20
"""A cell that prints more is stopped."""

_READ_BYTES = 2**16


class CellOutput:
    """Collects what arrives through the pipe during one cell."""

    def __init__(self, descriptor: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._parts = bytearray()
        self.flooded: asyncio.Future[None] = self._loop.create_future()
        self.drain()
        self._parts.clear()  # Drops what threads of earlier cells wrote between the cells.
        self._loop.add_reader(descriptor, self._read)

    def drain(self) -> bytes:
        """Returns everything written so far."""
        while len(self._parts) <= MAX_OUTPUT_BYTES and self._read():
            pass
        return bytes(self._parts)

    def close(self) -> None:
        """Stops reading."""
        self._loop.remove_reader(self._descriptor)
        self.flooded.cancel()

    def _read(self) -> bool:
        try:
            part = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return False
        if not part:  # Every writer is gone; the loop would call the reader forever.
            self._loop.remove_reader(self._descriptor)
            return False
        if len(self._parts) <= MAX_OUTPUT_BYTES:
            self._parts += part  # Beyond the limit it is dropped: the writer must not block before it is stopped.
        elif not self.flooded.done():
            self.flooded.set_result(None)
        return True
