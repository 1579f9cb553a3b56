"""Finds and ends every process an engine started, whoever its parent is by now.

An engine's processes are the ones started through `multiprocessing`, or named after vLLM, whose
environment holds the engine's mark, all that descends from them, and all that were ever seen so.
Guarantees: `end` returns when none of them runs, or says that some do not die. A killed parent's
orphans are found by the mark. Processes that others start while the mark is set are left alone.
Not found: an orphan that was never seen before and has cleared its environment.

Linux only (/proc). The functions block for milliseconds, `end` up to its limit: not for the loop.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
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


@dataclass(frozen=True, slots=True)
class _Process:
    """A living process; ids are reused, pairs of id and start time are not."""

    pid: int
    started_ticks: int


class EngineProcesses:
    """The processes of one engine."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self._seen: set[_Process] = set()

    def environment(self) -> dict[str, str]:
        """What must stand in the environment while the engine starts its processes."""
        # Started before the mark is set, the helper does not carry it.
        resource_tracker.ensure_running()
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
        """Kills them all. False when some still run after the limit."""
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
