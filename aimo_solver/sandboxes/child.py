"""The program of a sandbox process: runs the cells that come over a private socket, in turn.

Both directions carry frames: four bytes of length, then the bytes. In: a cell's code. Out: once
`ready`, then per cell a status word, a newline and the error text. The cell's own output goes to
descriptors 1 and 2, so nothing it prints can be taken for a status. A cell that goes looking for
the socket can spoil its own status and nothing else: what the host knows better (time, death)
it never takes from here.

Not here: isolation. The process has limits and dies with its parent; it may read and write what
its user may.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import sys

from aimo_solver.sandboxes.cell import run_cell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from threading import Thread

OPEN_FILES = 1024
FILE_BYTES = 256 * 2**20
PRIVATE_DESCRIPTORS_FROM = 300
"""Above what a program meets that closes or writes to descriptors by number."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def main(channel: int, parent: int, memory_bytes: int) -> None:
    """Serves cells until the other end of `channel` closes. Never returns."""
    _tie_to(parent)
    channel, output, null = _keep_private(channel), _copy(1), _copy(0)
    _limit(memory_bytes)
    # SIGINT is the host's word for "time is up": it means the cell, and never this loop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    module = type(sys)("__main__")
    sys.modules["__main__"] = module
    sys.argv = [""]
    me = os.getpid()
    random_is_seeded = False
    _send(channel, b"ready")
    while (frame := _receive(channel)) is not None:
        code = frame.decode("utf-8", "surrogatepass")
        _reap()
        _renew_streams(output, null)
        if not random_is_seeded and "random" in code:  # Lazily: most cells do without the import.
            random_is_seeded = True
            _seed_random()
        status, error = _run_until_interrupted(code, module.__dict__)
        if os.getpid() != me:  # The cell called os.fork(), and this is its child.
            os._exit(0 if status == "ok" else 1)
        _send(channel, f"{status}\n{error}".encode("utf-8", "replace"))
    os._exit(0)


def _tie_to(parent: int) -> None:
    """Dies with the parent; orphans of the cell's processes stay below this one, to be found.

    The kernel watches the *thread* that started this process, not the whole parent: that is the
    thread of the host's event loop, which lives as long as the host.
    """
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getppid() != parent:  # It died before the first line above.
        os._exit(1)


def _limit(memory_bytes: int) -> None:
    for kind, wanted in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
    ):
        hard = resource.getrlimit(kind)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (value, value))


def _copy(descriptor: int) -> int:
    """A copy that programs started by the cell do not inherit."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, PRIVATE_DESCRIPTORS_FROM)


def _keep_private(descriptor: int) -> int:
    copy = _copy(descriptor)
    os.close(descriptor)
    return copy


def _renew_streams(output: int, null: int) -> None:
    """Undoes what an earlier cell did to its streams: closed, redirected or replaced them.

    Lines leave at once, so that a crash does not swallow what was printed before it.
    """
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", 1, "utf-8", "replace", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115


def _run_until_interrupted(code: str, namespace: dict[str, object]) -> tuple[str, str]:
    """Runs the cell, its threads and its exit; `interrupted` when SIGINT, or its like, ended it."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            outcome = run_cell(code, namespace)
            _flush()
            for thread in _unfinished_threads():
                thread.join()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)  # The cell's alarm must not ring in the next.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if _unfinished_threads():
            os._exit(1)  # Nothing can stop them but the end of the process.
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
    """Threads that a script would wait for at its end. A pool's idle workers are not among them."""
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


def _seed_random() -> None:
    import random

    random.seed(0)


def _reap() -> None:
    """Collects the earlier cells' processes, which the host ended when their cell did."""
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
    """`count` bytes, or None when the other end has closed."""
    parts = bytearray()
    while len(parts) < count:
        part = os.read(channel, min(count - len(parts), 2**20))
        if not part:
            return None
        parts += part
    return bytes(parts)
