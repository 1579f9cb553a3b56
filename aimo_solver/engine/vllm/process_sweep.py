"""Finds and ends every process that an engine started, whatever its parent is by now.

An engine's processes are those started through `multiprocessing`, or named after vLLM, whose
environment contains the engine's mark; their descendants; and every process once seen as one.
Guarantees: `end` returns once none of them runs, or reports that some survive. A killed parent's
orphans are found by the mark. If the program itself is killed, a guard, which is this file run as a
program, ends them instead. Other processes that are started while the mark is set are left alone.
Not found: an orphan that was never seen and has cleared its environment.

Linux only (/proc). The functions block for milliseconds, `end` up to its limit: call them off the loop.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path

MARK_VARIABLE = "AIMO_ENGINE"
_PAUSE_SECONDS = 0.02
_STARTED_BY_US = (b"multiprocessing", b"VLLM::", b"vllm")
# Python's own helper serves the whole program, so it must survive the end of one engine.
_SHARED_HELPER = b"resource_tracker"
_GUARD_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Process:
    """A living process. Ids are reused, but pairs of id and start time are not."""

    pid: int
    started_ticks: int


class EngineProcesses:
    """The processes of one engine."""

    def __init__(self, mark: str | None = None) -> None:
        self.mark = mark or uuid.uuid4().hex
        self._seen: set[_Process] = set()
        self._guard: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        """Returns the variables to set while the engine starts its processes, and starts their guard."""
        if self._guard is None:
            # Isolated and in its own session, so that neither Ctrl-C nor the program's environment reaches it.
            command = [sys.executable, "-I", __file__, self.mark]
            self._guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        _start_helper()
        # Without SPT_NOENV, setproctitle overwrites the memory that /proc/<pid>/environ shows.
        return {MARK_VARIABLE: self.mark, "SPT_NOENV": "1"}

    def alive(self) -> list[int]:
        """Returns the ids of the engine's running or stopped processes, lowest first."""
        living, children = _living()
        found = {p for p in living if p in self._seen or self._is_marked(p.pid)}
        ahead = list(found)
        while ahead:
            below = [child for child in children.get(ahead.pop().pid, ()) if child not in found]
            found.update(below)
            ahead += below
        self._seen |= found
        return sorted(process.pid for process in found)

    def end(self, limit_seconds: float) -> bool:
        """Kills them all and ends the guard. Returns False if some still run after the limit."""
        gone = self._kill(limit_seconds)
        guard, self._guard = self._guard, None
        if guard is not None:
            if not gone:  # The guard would try for longer than the limit.
                guard.kill()
            # Waits for it, or it would mistake the next start's processes for leftovers of this one.
            guard.communicate()
        return gone

    def _kill(self, limit_seconds: float) -> bool:
        give_up_at = time.monotonic() + limit_seconds
        while pids := self.alive():
            for pid in pids:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > give_up_at:
                return False
            time.sleep(_PAUSE_SECONDS)
        multiprocessing.active_children()  # Reaps dead children.
        return True

    def _is_marked(self, pid: int) -> bool:
        # In the environment the mark is `NAME=value`, followed by a null byte.
        if f"{MARK_VARIABLE}={self.mark}\0".encode() not in _read(pid, "environ"):
            return False
        command = _read(pid, "cmdline")
        return _SHARED_HELPER not in command and any(name in command for name in _STARTED_BY_US)


def _start_helper() -> None:
    """Starts the resource tracker before the mark is set, so that it does not carry the mark.

    It removes the shared memory that killed processes leave, without a warning for each segment.
    """
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore"
    try:
        resource_tracker.ensure_running()
    finally:
        del os.environ["PYTHONWARNINGS"]
        if before is not None:
            os.environ["PYTHONWARNINGS"] = before


def _living() -> tuple[list[_Process], dict[int, list[_Process]]]:
    """Returns all processes except zombies, and the children of each."""
    living: list[_Process] = []
    children: dict[int, list[_Process]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            # pid (name) state parent ...; the name may contain anything, even brackets.
            fields = _read(int(name), "stat").rpartition(b")")[2].split()
            if fields and fields[0] not in (b"Z", b"X"):
                process = _Process(int(name), int(fields[19]))
                living.append(process)
                children.setdefault(int(fields[1]), []).append(process)
    return living, children


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # It has ended, or belongs to another user and so is not ours.
        return b""


def _stand_guard(mark: str) -> None:
    sys.stdin.buffer.read()  # Returns when the program closes the pipe or ends, however it ends.
    EngineProcesses(mark).end(_GUARD_SECONDS)


if __name__ == "__main__":
    _stand_guard(sys.argv[1])
