"""Finds and ends every process an engine started, whoever its parent is by now.

An engine's processes are the ones started through `multiprocessing`, or named after vLLM, whose
environment holds the engine's mark, all that descends from them, and all that were ever seen so.
Guarantees: `end` returns when none of them runs, or says that some do not die. A killed parent's
orphans are found by the mark. When the program itself is killed outright, a guard, which is this
file run on its own, ends them in its place. Processes that others start while the mark is set are
left alone.
Not found: an orphan that was never seen before and has cleared its environment.

Linux only (/proc). The functions block for milliseconds, `end` up to its limit: not for the loop.
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
# Python's own helper; it serves the whole program, and one engine's end must not be its end.
_SHARED_HELPER = b"resource_tracker"
_GUARD_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Process:
    """A living process; ids are reused, pairs of id and start time are not."""

    pid: int
    started_ticks: int


class EngineProcesses:
    """The processes of one engine."""

    def __init__(self, mark: str | None = None) -> None:
        self.mark = mark or uuid.uuid4().hex
        self._seen: set[_Process] = set()
        self._guard: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        """What must stand in the environment while the engine starts its processes; starts their guard."""
        if self._guard is None:
            # Isolated and in a session of its own: neither Ctrl-C nor the program's environment reaches it.
            command = [sys.executable, "-I", __file__, self.mark]
            self._guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        _start_helper()
        # Without this, setproctitle writes over the memory that /proc/<pid>/environ shows.
        return {MARK_VARIABLE: self.mark, "SPT_NOENV": "1"}

    def alive(self) -> list[int]:
        """Ids of the engine's processes that run (or are stopped), lowest first."""
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
        """Kills them all and lets the guard go. False when some still run after the limit."""
        gone = self._kill(limit_seconds)
        guard, self._guard = self._guard, None
        if guard is not None:
            if not gone:  # It would try for longer than the limit.
                guard.kill()
            # Waited for, or it would take the next start's processes for leftovers of this one.
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
        multiprocessing.active_children()  # Reaps our dead children.
        return True

    def _is_marked(self, pid: int) -> bool:
        # The mark stands in the environment as `NAME=value`, ended by a null byte.
        if f"{MARK_VARIABLE}={self.mark}\0".encode() not in _read(pid, "environ"):
            return False
        command = _read(pid, "cmdline")
        return _SHARED_HELPER not in command and any(name in command for name in _STARTED_BY_US)


def _start_helper() -> None:
    """Before the mark is set, so that it does not carry it.

    It removes the shared memory that killed processes leave, and would warn its reader of each piece.
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
    """All processes but zombies, and the children of each."""
    living: list[_Process] = []
    children: dict[int, list[_Process]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            # pid (name) state parent ...; the name may hold anything, brackets too.
            fields = _read(int(name), "stat").rpartition(b")")[2].split()
            if fields and fields[0] not in (b"Z", b"X"):
                process = _Process(int(name), int(fields[19]))
                living.append(process)
                children.setdefault(int(fields[1]), []).append(process)
    return living, children


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # It ended, or belongs to another user and so is not ours.
        return b""


def _stand_guard(mark: str) -> None:
    sys.stdin.buffer.read()  # Ends when the program closes it, or ends in whatever way.
    EngineProcesses(mark).end(_GUARD_SECONDS)


if __name__ == "__main__":
    _stand_guard(sys.argv[1])
