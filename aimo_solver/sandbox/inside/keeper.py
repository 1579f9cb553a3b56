"""The keeper: the process of a session that runs its cells, one after another, over a private socket.

Both directions carry frames: four bytes of length, then the bytes. In: KEEP or TRY, then a cell's
code. Out: `ready` once; per cell `running N` before it runs, then a status word, a newline and the
error text. The cell's own output goes to descriptors 1 and 2, so nothing it prints can be mistaken
for a status.

From a session's second cell on, N is the process id of a snapshot: a fork, made just before the
cell, that does nothing while its keeper lives. If the cell kills the keeper, the snapshot becomes
the keeper, with the variables as they were, and sends `restored`. N is 0 if there is none. A cell
that is only tried (TRY) leaves its snapshot alive: the host then ends the keeper.

A cell that searches for the socket or the snapshot can break its own session and nothing else:
time and death are judged by the host and never taken from here.

What a keeper is denied is in layers.py.
"""

from __future__ import annotations

import builtins
import fcntl
import os
import random
import select
import signal
import sys
import time
from contextlib import suppress

from aimo_solver.sandbox.inside import layers
from aimo_solver.sandbox.inside.cell import run_cell
from aimo_solver.sandbox.inside.magics import display
from aimo_solver.sandbox.inside.randomness import make_repeatable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from threading import Thread

MARK_VARIABLE = "AIMO_SANDBOX"
"""In the environment of everything that cells start, so that processes.py can find it."""
PRIVATE_DESCRIPTORS_FROM = 300
"""Higher than the numbers that programs close or write to in loops."""

KEEP, TRY = b"k", b"t"
"""What happens to a cell's variables: they stay, or are rolled back."""

_POLL_SECONDS = 0.01


def prepare(leader: int, locks: Sequence[str], *, scratch: str, mark: str, memory_bytes: int) -> None:
    """Does everything that can be done before the session is opened. `locks`: the layers to apply."""
    layers.tie_to(leader)
    os.chdir(scratch)
    layers.apply(locks, scratch, memory_bytes)
    os.environ.update(HOME=scratch, TMPDIR=scratch, **{MARK_VARIABLE: mark})
    make_repeatable()
    sys.modules["__main__"] = type(sys)("__main__")
    sys.argv = [""]
    builtins.__dict__["display"] = display


def serve(channel: int, output: int, leader: int) -> None:
    """Serves cells until the other end of `channel` closes. Never returns."""
    channel, output, null = _keep_private(channel), _keep_private(output), _copy(0)
    namespace = sys.modules["__main__"].__dict__
    me, cells = os.getpid(), 0
    _send(channel, b"ready")
    while (frame := _receive(channel)) is not None:
        kept, code = frame[:1] == KEEP, frame[1:].decode("utf-8", "surrogatepass")
        _reap()
        snapshot = _fork() if cells else None
        if snapshot == 0:
            _outlive(me, leader)
            me = os.getpid()
            _send(channel, b"restored")
            continue
        cells += 1
        _renew_streams(output, null)
        _send(channel, b"running %d" % (snapshot or 0))
        status, error = _run_until_interrupted(code, namespace)
        if os.getpid() != me:  # The cell called os.fork(), and this is its child.
            os._exit(0 if status == "ok" else 1)
        if snapshot and kept:
            _drop(snapshot)
        _send(channel, f"{status}\n{error}".encode("utf-8", "replace"))
    os._exit(0)


def _fork() -> int | None:
    """Forks, with the state of `random` copied too; None if earlier cells have exhausted the limits."""
    numbers = random.getstate()
    try:
        pid = os.fork()
    except OSError:
        return None
    if pid == 0:
        random.setstate(numbers)
    return pid


def _outlive(keeper: int, leader: int) -> None:
    """Waits until the keeper is dead and this process is the leader's child."""
    with suppress(OSError):  # It is already dead, or this kernel has no pidfd.
        watched = os.pidfd_open(keeper)
        if os.getppid() == keeper:  # Otherwise the id may belong to another process by now.
            select.select([watched], [], [])
        os.close(watched)
    while os.getppid() == keeper:
        time.sleep(_POLL_SECONDS)
    layers.tie_to(leader)


def _drop(snapshot: int) -> None:
    with suppress(OSError):  # The cell may have killed or reaped it.
        os.kill(snapshot, signal.SIGKILL)
        os.waitpid(snapshot, 0)


def _copy(descriptor: int) -> int:
    """Duplicates a descriptor so that programs started by the cell do not inherit it."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, PRIVATE_DESCRIPTORS_FROM)


def _keep_private(descriptor: int) -> int:
    copy = _copy(descriptor)
    os.close(descriptor)
    return copy


def _renew_streams(output: int, null: int) -> None:
    """Repairs the streams that an earlier cell closed, redirected or replaced.

    They are line-buffered, so that a crash does not lose what was printed before it.
    """
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", 1, "utf-8", "replace", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115


def _run_until_interrupted(code: str, namespace: dict[str, object]) -> tuple[str, str]:
    """Runs the cell and waits for its threads; `interrupted` if SIGINT or a KeyboardInterrupt ended it."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            outcome = run_cell(code, namespace)
            _flush()
            for thread in _unfinished_threads():
                thread.join()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)  # The cell's alarm must not go off in the next one.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if _unfinished_threads():
            os._exit(1)  # Only the end of the process stops them.
        _flush()
        return "interrupted", "KeyboardInterrupt"
    return outcome.status, outcome.error


def _flush() -> None:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:  # noqa: BLE001, S110 - the cell may have put any object there, or closed it
        pass


def _unfinished_threads() -> list[Thread]:
    """Returns the threads that a script would wait for at its end, without the idle workers of pools."""
    threading = sys.modules.get("threading")
    if threading is None:
        return []
    pools = sys.modules.get("concurrent.futures.thread")
    workers = getattr(pools, "_threads_queues", ())
    return [
        thread
        for thread in threading.enumerate()
        if thread is not threading.main_thread() and not thread.daemon and thread not in workers
    ]


def _reap() -> None:
    """Reaps the processes of earlier cells, which the host killed when their cell ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _send(channel: int, frame: bytes) -> None:
    rest = len(frame).to_bytes(4, "big") + frame
    while rest:
        rest = rest[os.write(channel, rest) :]


def _receive(channel: int) -> bytes | None:
    header = _read(channel, 4)
    return None if header is None else _read(channel, int.from_bytes(header, "big"))


def _read(channel: int, count: int) -> bytes | None:
    """Reads `count` bytes; None if the other end has closed."""
    parts = bytearray()
    while len(parts) < count:
        part = os.read(channel, min(count - len(parts), 2**20))
        if not part:
            return None
        parts += part
    return bytes(parts)
