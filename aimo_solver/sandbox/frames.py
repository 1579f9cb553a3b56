"""Frames: messages over a stream socket, each four bytes of length and then its bytes (child.py is the other end).

Guarantees: cancelling `receive` loses nothing: what has come of a frame is there for the next call.
`loop.sock_recv` does not hold that: cancelled when its bytes had just been read, it drops them.
"""

from __future__ import annotations

import asyncio
import socket

_HEADER_BYTES = 4
_MOST_BYTES = 2**16
"""Of a frame that is read, header included: a longer one is nonsense."""


class Frames:
    """Both directions of a non-blocking socket, for one reader and one writer at a time."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._unread = bytearray()

    async def send(self, frame: bytes) -> None:
        """Raises OSError when the other end has closed."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._channel, len(frame).to_bytes(_HEADER_BYTES, "big") + frame)

    async def receive(self) -> bytes | None:
        """The next frame; None when none will come, or nonsense has."""
        if not await self._holds(_HEADER_BYTES):
            return None
        end = _HEADER_BYTES + int.from_bytes(self._unread[:_HEADER_BYTES], "big")
        if end > _MOST_BYTES or not await self._holds(end):
            return None
        frame = bytes(self._unread[_HEADER_BYTES:end])
        del self._unread[:end]
        return frame

    async def _holds(self, count: int) -> bool:
        """Waits for so many bytes. False when the other end closes before."""
        while len(self._unread) < count:
            try:
                part = self._channel.recv(_MOST_BYTES)
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
    """Waits until the socket has something to read, or has ended. Let go of it before it is closed."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    descriptor = channel.fileno()
    loop.add_reader(descriptor, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)
