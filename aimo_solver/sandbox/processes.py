"""Finds the processes of a sandbox session in /proc, its family, and kills them all.

A family is everything that descends from the leader, belongs to its session, or carries its mark in
the environment. While the leader lives it adopts its orphans, so walking down from it finds them
all; once it is dead, a process that left the session, was orphaned *and* cleared its environment is
found only when the sandbox closes, below the zygote.

These functions block for milliseconds (those that kill, up to their limit): call them off the loop,
except for the few that read a single file.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aimo_solver.sandbox.inside.keeper import MARK_VARIABLE

_MAX_PAUSE_SECONDS = 0.005
_MIN_PAUSE_SECONDS = 0.0005
_START_FIELD = 19
"""Index of the start time among the fields that follow the name in a stat file."""
_MAX_FILE_BYTES = 4096
_TICKS = os.sysconf("SC_CLK_TCK")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One living process."""

    pid: int
    parent: int
    session: int
    started: int
    """In clock ticks since the machine booted."""


def children(pid: int) -> set[int]:
    """Returns the process's children, zombies included. Reads one file per thread."""
    found: set[int] = set()
    with suppress(OSError):
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            found.update(map(int, path.read_bytes().split()))
    return found


def peak_bytes(pid: int) -> int | None:
    """Returns the process's peak resident memory so far; None if it is gone. Reads one file."""
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def cpu_seconds(pid: int) -> float | None:
    """Returns the CPU time of the process and of the children it has waited for. Reads one file."""
    with suppress(OSError, ValueError):
        return sum(map(int, _stat(pid)[11:15])) / _TICKS
    return None


def family_bytes(leader: int, mark: str, without: int = 0) -> int:
    """Returns the family's memory, without one process's; shared pages are divided among those that share them."""
    return sum(proportional_bytes(pid) for pid in _family(leader, mark) if pid != without)


def proportional_bytes(pid: int) -> int:
    """Returns the process's memory, with shared pages divided among their sharers; 0 if it is gone."""
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def descendants(pid: int) -> set[int]:
    """Returns every living process below this one."""
    return _descendants(pid, _living())


def is_alive(pid: int) -> bool:
    """Returns whether the process exists and is no zombie. Reads one file."""
    try:
        return _stat(pid)[0] not in (b"Z", b"X")
    except OSError:
        return False


def exit_reason(status: int) -> str:
    """Describes a wait status."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"


def sweep(leader: int, mark: str, *, seconds: float, spare: Collection[int] = ()) -> bool:
    """Kills the leader's family, except the leader and `spare`. Returns False if some survive for `seconds`."""
    return _kill_all(lambda: [pid for pid in _family(leader, mark) if pid not in spare], seconds)


def end_family(leader: int, mark: str, seconds: float) -> None:
    """Kills the leader and its family.

    The leader must not be reaped before this returns, or its id may belong to another process.
    """
    # A stopped leader reaps nothing, so no id of its family is reused meanwhile.
    _kill(leader, signal.SIGSTOP)
    sweep(leader, mark, seconds=seconds / 2)
    _kill(leader, signal.SIGKILL)
    give_up_at = time.monotonic() + seconds / 2
    pause = _MIN_PAUSE_SECONDS
    while is_alive(leader) and time.monotonic() < give_up_at:
        pause = _wait(pause)
    sweep(leader, mark, seconds=seconds / 2)
    if is_alive(leader):
        _log.warning("sandbox process %d survives SIGKILL", leader)


def end_tree(root: int, seconds: float) -> None:
    """Kills a process and all its descendants; the caller reaps it."""
    _kill(root, signal.SIGSTOP)
    _kill_all(lambda: descendants(root), seconds)
    _kill(root, signal.SIGKILL)


def _kill_all(find: Callable[[], Collection[int]], seconds: float) -> bool:
    give_up_at, pause = time.monotonic() + seconds, _MIN_PAUSE_SECONDS
    while found := find():
        if time.monotonic() > give_up_at:
            _log.warning("sandbox processes %s survive SIGKILL", found)
            return False
        for pid in found:
            _kill(pid, signal.SIGKILL)
        pause = _wait(pause)
    return True


def _wait(seconds: float) -> float:
    """Waits, and returns how long to wait next: a killed process is usually gone at once."""
    time.sleep(seconds)
    return min(2 * seconds, _MAX_PAUSE_SECONDS)


def _family(leader: int, mark: str) -> list[int]:
    table = _living()
    below = _descendants(leader, table)
    # In the environment the mark is `NAME=value`, followed by a null byte.
    needle = f"{MARK_VARIABLE}={mark}\0".encode()
    since = _started(leader)
    return [
        entry.pid
        for entry in table
        if entry.pid != leader
        and (
            entry.pid in below
            or entry.session == leader
            or (entry.started >= since and needle in _environment(entry.pid))  # An older process cannot belong to it.
        )
    ]


def _started(pid: int) -> int:
    try:
        return int(_stat(pid)[_START_FIELD])
    except OSError:
        return 0


def _descendants(root: int, table: Sequence[_Entry]) -> set[int]:
    by_parent: dict[int, list[int]] = {}
    for entry in table:
        by_parent.setdefault(entry.parent, []).append(entry.pid)
    below: set[int] = set()
    ahead = [root]
    while ahead:
        found = by_parent.get(ahead.pop(), [])
        below.update(found)
        ahead += found
    return below


def _living() -> list[_Entry]:
    entries: list[_Entry] = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with suppress(OSError):
                fields = _stat(int(name))
                if fields[0] not in (b"Z", b"X"):
                    entry = _Entry(int(name), int(fields[1]), int(fields[3]), int(fields[_START_FIELD]))
                    entries.append(entry)
    return entries


def _stat(pid: int) -> list[bytes]:
    """Returns state, parent, group, session, ...; the name before them may contain anything, even brackets."""
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def _read(path: str) -> bytes:
    """Reads a small file of /proc in one call: hundreds are read at the end of every session."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _MAX_FILE_BYTES)
    finally:
        os.close(descriptor)


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # It has ended, or belongs to another user and so is not ours.
        return b""


def _kill(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def remove(folder: Path) -> None:
    """Removes a scratch folder, whatever code did to it."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    # The code removed its folders' permissions. Its links may point anywhere, so they are left alone.
    with suppress(OSError):
        folder.chmod(0o700)
        for parent, names, _ in os.walk(folder):
            for path in (Path(parent, name) for name in names):
                if not path.is_symlink():
                    path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
