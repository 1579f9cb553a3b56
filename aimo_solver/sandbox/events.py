"""SessionEvents: what a session's leader reports to the host (zygote.py): its birth and every death below it."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from io import FileIO

_READ_BYTES = 2**16


@dataclass(frozen=True, slots=True)
class Birth:
    """Process ids of a new session."""

    leader: int
    keeper: int


@dataclass(frozen=True, slots=True)
class Death:
    """How a process ended, and what it used, if its leader lived to report it."""

    status: int
    """A wait status, as from os.wait."""
    cpu_seconds: float | None = None
    peak_bytes: int | None = None


class SessionEvents:
    """Reads a leader's events on the running loop, until `close`."""

    def __init__(self, pipe: FileIO) -> None:
        self._loop = asyncio.get_running_loop()
        self._pipe = pipe
        self._rest = b""
        self._deaths: dict[int, Death] = {}
        self._changed = asyncio.Event()
        self._ended = False
        self.birth: Birth | None = None
        self._loop.add_reader(pipe.fileno(), self._read)

    def death(self, pid: int) -> Death | None:
        """Returns the process's death if known. Once the leader is dead, all its processes are."""
        return self._deaths.get(pid, Death(signal.SIGKILL) if self._ended else None)

    def forget(self, pid: int) -> None:
        """Drops a recorded death, as the id now belongs to a new process."""
        self._deaths.pop(pid, None)

    async def wait_for_birth(self) -> Birth | None:
        """Waits for the first line; None if there will be none."""
        while self.birth is None and not self._ended:
            await self._change()
        return self.birth

    async def wait_for_death(self, pid: int) -> None:
        """Waits for the death of the process, or of its leader."""
        while self.death(pid) is None:
            await self._change()

    def close(self) -> None:
        """Stops reading. Closing twice is harmless."""
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
            if self.birth is None:
                leader, keeper = map(int, line.split())
                self.birth = Birth(leader, keeper)
            else:
                pid, status, cpu_seconds, peak_bytes = line.split()
                self._deaths[int(pid)] = Death(int(status), float(cpu_seconds), int(peak_bytes))
        self._changed.set()

    def _end(self) -> None:
        self._ended = True
        self._changed.set()
