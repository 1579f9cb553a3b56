"""Frames: messages over a stream socket, each four bytes of length and then its bytes (the other end is keeper.py).

Guarantees: cancelling `receive` loses nothing: the part of a frame that has arrived is kept for the
next call. `loop.sock_recv` does not guarantee that: cancelled just after it has read, it drops the bytes.
"""

from __future__ import annotations

import asyncio
import socket

_HEADER_BYTES = 4
_MAX_FRAME_BYTES = 2**16
"""For a received frame, header included; a longer one is malformed."""


class Frames:
    """Sends and receives frames over a non-blocking socket, for one reader and one writer at a time."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._unread = bytearray()

    async def send(self, frame: bytes) -> None:
        """Sends one frame. Raises OSError if the other end has closed."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._channel, len(frame).to_bytes(_HEADER_BYTES, "big") + frame)

    async def receive(self) -> bytes | None:
        """Returns the next frame; None if the other end has closed or sent a malformed one."""
        if not await self._has(_HEADER_BYTES):
            return None
        end = _HEADER_BYTES + int.from_bytes(self._unread[:_HEADER_BYTES], "big")
        if end > _MAX_FRAME_BYTES or not await self._has(end):
            return None
        frame = bytes(self._unread[_HEADER_BYTES:end])
        del self._unread[:end]
        return frame

    async def _has(self, count: int) -> bool:
        """Waits until `count` bytes are there. Returns False if the other end closes first."""
        while len(self._unread) < count:
            try:
                part = self._channel.recv(_MAX_FRAME_BYTES)
            except BlockingIOError:
                await readable(self._channel)
                continue
            except OSError:
                return False
            if not part:
                return False
            self._unread += part
        return True


async def readable(channel: socket.socket) -> None:
    """Waits until the socket has something to read or has ended. Cancel the wait before closing the socket."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    descriptor = channel.fileno()
    loop.add_reader(descriptor, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)
