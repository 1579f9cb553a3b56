"""News: what a session's leader tells the host (zygote.py): its birth, and every death below it."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from io import FileIO

_READ_BYTES = 2**16


@dataclass(frozen=True, slots=True)
class Birth:
    """Ids of processes."""

    leader: int
    keeper: int


@dataclass(frozen=True, slots=True)
class Death:
    """How a process ended; what it used, where its leader lived to tell."""

    status: int
    """As os.wait has it."""
    cpu_seconds: float | None = None
    peak_bytes: int | None = None


class News:
    """Reads from its start to `close`, on the running loop."""

    def __init__(self, pipe: FileIO) -> None:
        self._loop = asyncio.get_running_loop()
        self._pipe = pipe
        self._rest = b""
        self._deaths: dict[int, Death] = {}
        self._changed = asyncio.Event()
        self._ended = False
        self.born: Birth | None = None
        self._loop.add_reader(pipe.fileno(), self._read)

    def death(self, pid: int) -> Death | None:
        """Of a process that has died, as far as is known; all have when their leader has."""
        return self._deaths.get(pid, Death(signal.SIGKILL) if self._ended else None)

    def forget(self, pid: int) -> None:
        """The id belongs to a new process."""
        self._deaths.pop(pid, None)

    async def births(self) -> Birth | None:
        """Waits for the first line; None when there will be none."""
        while self.born is None and not self._ended:
            await self._change()
        return self.born

    async def death_of(self, pid: int) -> None:
        """Waits for the death of one process, or of the leader."""
        while self.death(pid) is None:
            await self._change()

    def close(self) -> None:
        """Closing twice is harmless."""
        if not self._pipe.closed:
            self._loop.remove_reader(self._pipe.fileno())
            self._pipe.close()
        self._end()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _read(self) -> None:
        try:
            data = os.read(self._pipe.fileno(), _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self._pipe.fileno())
            self._end()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self.born is None:
                leader, keeper = map(int, line.split())
                self.born = Birth(leader, keeper)
            else:
                pid, status, cpu_seconds, peak_bytes = line.split()
                self._deaths[int(pid)] = Death(int(status), float(cpu_seconds), int(peak_bytes))
        self._changed.set()

    def _end(self) -> None:
        self._ended = True
        self._changed.set()
