"""Frames over a socket pair: everything sent is received, whatever is cancelled meanwhile."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from aimo_solver.sandbox.frames import Frames


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    with near, far:
        yield near, far


def packed(frame: bytes) -> bytes:
    return len(frame).to_bytes(4, "big") + frame


def test_frames_are_received_as_they_were_sent(ends: tuple[socket.socket, socket.socket]) -> None:
    async def exchange() -> list[bytes | None]:
        here, there = map(Frames, ends)
        for frame in (b"", b"one", b"two\nlines" * 500):
            await there.send(frame)
        ends[1].close()
        return [await here.receive() for _ in range(4)]

    assert asyncio.run(exchange()) == [b"", b"one", b"two\nlines" * 500, None]


@pytest.mark.parametrize("parts", [(packed(b"restored"),), (packed(b"restored")[:4], b"resto", b"red")])
@pytest.mark.parametrize("steps", range(5))
def test_a_cancelled_receive_loses_nothing(
    ends: tuple[socket.socket, socket.socket], parts: tuple[bytes, ...], steps: int
) -> None:
    """Otherwise a snapshot's report could be lost when its keeper's death is reported at the same time."""

    async def receive() -> bytes | None:
        frames = Frames(ends[0])
        for part in parts:
            waiting = asyncio.ensure_future(frames.receive())
            await asyncio.sleep(0)
            ends[1].send(part)
            for _ in range(steps):
                await asyncio.sleep(0)
            waiting.cancel()
            (received,) = await asyncio.gather(waiting, return_exceptions=True)
            if isinstance(received, bytes):
                return received
        return await frames.receive()

    assert asyncio.run(asyncio.wait_for(receive(), 10)) == b"restored"


@pytest.mark.parametrize("malformed", [b"\xff\xff\xff\xff....", b"\x00\x00", b"\x00\x00\x00\x09short"])
def test_malformed_bytes_are_no_frame(ends: tuple[socket.socket, socket.socket], malformed: bytes) -> None:
    ends[1].send(malformed)
    ends[1].close()
    assert asyncio.run(Frames(ends[0]).receive()) is None
