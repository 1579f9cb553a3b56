"""What /proc knows of a sandbox process's family, and how the whole family is ended.

A family is everything that descends from the leader, sits in its session, or carries its mark in
the environment. While the leader lives it is the reaper of its orphans (child.py sees to that), so
the walk down from it is complete; once it is dead, a process that left the session, was orphaned
*and* cleared its environment is not found.

These functions block for milliseconds (ending, for at most its deadline): call them off the loop,
but for the few that say they read a single file.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK_VARIABLE = "AIMO_SANDBOX"

_PAUSE_SECONDS = 0.005
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One living process."""

    pid: int
    parent: int
    session: int


def has_children(pid: int) -> bool:
    """Whether the process has children, zombies included. Reads one file a thread."""
    try:
        return any(path.read_bytes() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:
        return True  # A thread ended while we looked: let the full search decide.


def peak_bytes(pid: int) -> int | None:
    """The process's peak resident memory so far. Reads one file."""
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def has_exited(pid: int) -> bool:
    """Whether our child has ended. Leaves it a zombie, so that its id stays taken."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def exit_reason(pid: int) -> str:
    """How our ended child ended, in words; it must not have been reaped yet."""
    try:
        end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        end = None
    if end is None:
        return "it closed its channel to the sandbox"
    if end.si_code == os.CLD_EXITED:
        return f"exit code {end.si_status}"
    with suppress(ValueError):
        return f"signal {signal.Signals(end.si_status).name}"
    return f"signal {end.si_status}"


def sweep(leader: int, mark: str, seconds: float) -> bool:
    """Kills the leader's family but not the leader. False when some outlive `seconds`."""
    give_up_at = time.monotonic() + seconds
    while family := _family(leader, mark):
        if time.monotonic() > give_up_at:
            _log.warning("processes %s of a sandbox session do not die", family)
            return False
        for pid in family:
            _kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE_SECONDS)
    return True


def end_family(leader: subprocess.Popen[bytes], mark: str, scratch: Path, seconds: float) -> None:
    """Kills and reaps the leader and its family and removes the scratch folder."""
    # Stopped, the leader starts nothing new, and orphans still come to it and are found.
    _kill(leader.pid, signal.SIGSTOP)
    sweep(leader.pid, mark, seconds / 2)
    _kill(leader.pid, signal.SIGKILL)
    give_up_at = time.monotonic() + seconds / 2
    while not has_exited(leader.pid) and time.monotonic() < give_up_at:
        time.sleep(_PAUSE_SECONDS)
    # Before the reaping, after which the kernel may give the leader's id to someone else.
    sweep(leader.pid, mark, seconds / 2)
    if leader.poll() is None:
        _log.warning("sandbox process %d does not die", leader.pid)
    _remove(scratch)


def _family(leader: int, mark: str) -> list[int]:
    table = _living()
    children: dict[int, list[int]] = {}
    for entry in table:
        children.setdefault(entry.parent, []).append(entry.pid)
    below: set[int] = set()
    ahead = [leader]
    while ahead:
        found = children.get(ahead.pop(), [])
        below.update(found)
        ahead += found
    # The mark stands in the environment as `NAME=value`, ended by a null byte.
    needle = f"{MARK_VARIABLE}={mark}\0".encode()
    return [
        entry.pid
        for entry in table
        if entry.pid != leader and (entry.pid in below or entry.session == leader or needle in _environment(entry.pid))
    ]


def _living() -> list[_Entry]:
    entries: list[_Entry] = []
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        with suppress(OSError):
            # pid (name) state parent group session ...; the name may hold anything, brackets too.
            stat = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
            if stat[0] not in (b"Z", b"X"):
                entries.append(_Entry(int(name), int(stat[1]), int(stat[3])))
    return entries


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # It ended, or belongs to another user and so is not ours.
        return b""


def _kill(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _remove(folder: Path) -> None:
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
