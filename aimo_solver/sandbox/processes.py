"""What /proc knows of a sandbox session's family, and how the whole family is ended.

A family is everything that descends from the leader, sits in its session, or carries its mark in
the environment. While the leader lives it is the reaper of its orphans, so the walk down from it is
complete; once it is dead, a process that left the session, was orphaned *and* cleared its
environment is found only at the end of the sandbox, below the zygote.

These functions block for milliseconds (ending, for at most its deadline): call them off the loop,
but for the few that say they read a single file.
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

_PAUSE_SECONDS = 0.005
_SHORTEST_PAUSE_SECONDS = 0.0005
_START_FIELD = 19
"""Of a stat file, behind the name."""
_FILE_BYTES = 4096
_TICKS = os.sysconf("SC_CLK_TCK")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One living process."""

    pid: int
    parent: int
    session: int
    started: int
    """Clock ticks since the machine was started."""


def children(pid: int) -> set[int]:
    """The process's children, zombies included. Reads one file a thread."""
    found: set[int] = set()
    with suppress(OSError):
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            found.update(map(int, path.read_bytes().split()))
    return found


def peak_bytes(pid: int) -> int | None:
    """The process's peak resident memory so far. Reads one file."""
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def cpu_seconds(pid: int) -> float | None:
    """What the process, and the children it has waited for, have used. Reads one file."""
    with suppress(OSError, ValueError):
        return sum(map(int, _stat(pid)[11:15])) / _TICKS
    return None


def family_bytes(leader: int, mark: str) -> int:
    """The family's memory, each shared page split among those that share it."""
    return sum(map(proportional_bytes, _family(leader, mark)))


def proportional_bytes(pid: int) -> int:
    """The process's memory, each shared page split among those that share it; 0 when it is not there."""
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def descendants(pid: int) -> set[int]:
    """Every living process below this one."""
    return _descendants(pid, _living())


def is_alive(pid: int) -> bool:
    """Whether the process is there and no zombie. Reads one file."""
    try:
        return _stat(pid)[0] not in (b"Z", b"X")
    except OSError:
        return False


def exit_reason(status: int) -> str:
    """A wait status in words."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"


def sweep(leader: int, mark: str, seconds: float, spare: Collection[int] = ()) -> bool:
    """Kills the leader's family but not the leader nor `spare`. False when some outlive `seconds`."""
    return _kill_all(lambda: [pid for pid in _family(leader, mark) if pid not in spare], seconds)


def end_family(leader: int, mark: str, seconds: float) -> None:
    """Kills the leader and its family.

    Nobody may reap the leader before this has returned, or its id may be someone else's.
    """
    # Stopped, the leader reaps nothing, so that no id of its family is given away meanwhile.
    _kill(leader, signal.SIGSTOP)
    sweep(leader, mark, seconds / 2)
    _kill(leader, signal.SIGKILL)
    give_up_at = time.monotonic() + seconds / 2
    pause = _SHORTEST_PAUSE_SECONDS
    while is_alive(leader) and time.monotonic() < give_up_at:
        pause = _wait(pause)
    sweep(leader, mark, seconds / 2)
    if is_alive(leader):
        _log.warning("sandbox process %d does not die", leader)


def end_tree(root: int, seconds: float) -> None:
    """Kills a process, then all that descends from it; the caller reaps it."""
    _kill(root, signal.SIGSTOP)
    _kill_all(lambda: descendants(root), seconds)
    _kill(root, signal.SIGKILL)


def _kill_all(find: Callable[[], Collection[int]], seconds: float) -> bool:
    give_up_at, pause = time.monotonic() + seconds, _SHORTEST_PAUSE_SECONDS
    while found := find():
        if time.monotonic() > give_up_at:
            _log.warning("processes %s of a sandbox do not die", found)
            return False
        for pid in found:
            _kill(pid, signal.SIGKILL)
        pause = _wait(pause)
    return True


def _wait(seconds: float) -> float:
    """Waits so long; how long to wait next: a killed process is mostly gone at once."""
    time.sleep(seconds)
    return min(2 * seconds, _PAUSE_SECONDS)


def _family(leader: int, mark: str) -> list[int]:
    table = _living()
    below = _descendants(leader, table)
    # The mark stands in the environment as `NAME=value`, ended by a null byte.
    needle = f"{MARK_VARIABLE}={mark}\0".encode()
    since = _started(leader)
    return [
        entry.pid
        for entry in table
        if entry.pid != leader
        and (
            entry.pid in below
            or entry.session == leader
            or (entry.started >= since and needle in _environment(entry.pid))  # An older one cannot be of it.
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
    """State, parent, group, session ...; the name before them may hold anything, brackets too."""
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def _read(path: str) -> bytes:
    """A small file of /proc, at once: hundreds are read at the end of every session."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _FILE_BYTES)
    finally:
        os.close(descriptor)


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # It ended, or belongs to another user and so is not ours.
        return b""


def _kill(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def remove(folder: Path) -> None:
    """Removes a scratch folder, whatever the code did to it."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    # The code took its own folders' permissions away. Its links may lead anywhere: leave them.
    with suppress(OSError):
        folder.chmod(0o700)
        for parent, names, _ in os.walk(folder):
            for path in (Path(parent, name) for name in names):
                if not path.is_symlink():
                    path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
