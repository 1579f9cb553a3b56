"""Interpreter: one child process that runs cells; the host's side of child.py.

Guarantees: how a cell ended is judged by the host's clock and the process's own end; the child's
word decides only between ok, error, exit, memory limit and interrupted. Its output is read while
it runs. `end` kills the whole family and leaves no descriptor, process or file.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aimo_solver
from aimo_solver.errors import SandboxError
from aimo_solver.sandbox import ExecutionStatus
from aimo_solver.sandboxes import processes

FLOOD_BYTES = 4 * 2**20
"""A cell that prints more than this is stopped."""
START_SECONDS = 60.0
END_SECONDS = 5.0

_REPLY_BYTES = 2**16
_READ_BYTES = 2**16
_SWEEP_SECONDS = 1.0
_POLL_SECONDS = 0.05
_LAST_POLL_SECONDS = 0.2
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from aimo_solver.sandboxes import child; "
    "del sys.path[0]; child.main(*map(int, sys.argv[2:]))"
)
_CHILD_STATUSES = {
    "ok": ExecutionStatus.OK,
    "error": ExecutionStatus.ERROR,
    "exit": ExecutionStatus.EXIT,
    "memory_limit": ExecutionStatus.MEMORY_LIMIT,
    "interrupted": ExecutionStatus.ERROR,
}
"""`interrupted` by the host is a timeout; this is for code that raised KeyboardInterrupt itself."""


@dataclass(frozen=True, slots=True)
class CellRun:
    """What one cell did to its interpreter."""

    status: ExecutionStatus
    output: bytes
    error: str
    seconds: float
    survived: bool
    """Whether the interpreter and its variables are there for the next cell."""
    peak_bytes: int | None


class _Output:
    """Collects what comes out of the pipe during one cell."""

    def __init__(self, descriptor: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._parts = bytearray()
        self.flooded: asyncio.Future[None] = self._loop.create_future()
        self.drain()
        self._parts.clear()  # Written between the cells, by a thread of an earlier one.
        self._loop.add_reader(descriptor, self._read)

    def drain(self) -> bytes:
        """All that was written up to now."""
        while len(self._parts) <= FLOOD_BYTES and self._read():
            pass
        return bytes(self._parts)

    def close(self) -> None:
        self._loop.remove_reader(self._descriptor)
        self.flooded.cancel()

    def _read(self) -> bool:
        try:
            part = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return False
        if not part:  # Every writer is gone; the reader would be called for ever.
            self._loop.remove_reader(self._descriptor)
            return False
        if len(self._parts) <= FLOOD_BYTES:
            self._parts += part  # Else dropped: the writer must not block before it is stopped.
        elif not self.flooded.done():
            self.flooded.set_result(None)
        return True


class Interpreter:
    """Starts at once; `ready` waits until it can take cells. Ended by `end`, and only by it."""

    def __init__(self, memory_bytes: int, grace_seconds: float, enders: Executor) -> None:
        self._grace_seconds = grace_seconds
        self._enders = enders
        self._ending: asyncio.Future[None] | None = None
        self._mark = secrets.token_hex(16)
        self._scratch = Path(tempfile.mkdtemp(prefix="aimo-sandbox-"))
        self._channel, far_channel = socket.socketpair()
        read_end, write_end = os.pipe()
        self._pipe = open(read_end, "rb", buffering=0)  # noqa: SIM115 - `end` closes it
        root = Path(aimo_solver.__file__).parent.parent
        arguments = [root, far_channel.fileno(), os.getpid(), memory_bytes]
        try:
            # Blocks for the milliseconds of a vfork. In this thread: the child dies with it.
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-c", _BOOT, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                pass_fds=(far_channel.fileno(),),
                start_new_session=True,
                cwd=self._scratch,
                env=_environment(self._scratch, self._mark),
            )
        except OSError as error:
            self._close_files()
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise SandboxError(f"cannot start a Python interpreter: {error}") from error
        finally:
            far_channel.close()
            os.close(write_end)
        self._channel.setblocking(False)
        os.set_blocking(read_end, False)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._ending is None and not processes.has_exited(self.pid)

    async def ready(self) -> None:
        """Raises SandboxError when the interpreter does not come up."""
        output = _Output(self._pipe.fileno())
        frame = None
        try:
            async with asyncio.timeout(START_SECONDS):
                frame = await self._receive()
        except TimeoutError:
            pass
        finally:
            output.close()
        if frame != b"ready":
            said = output.drain().decode("utf-8", "replace").strip()[-500:]
            raise SandboxError(f"a sandbox's Python interpreter did not start: {said or 'no word'}")

    async def run(self, code: str, timeout_seconds: float) -> CellRun:
        """Runs one cell. When cancelled, the caller must `end` the interpreter."""
        loop = asyncio.get_running_loop()
        output = _Output(self._pipe.fileno())
        answered = asyncio.ensure_future(self._converse(code))
        exited = asyncio.ensure_future(self._exited())
        ends = (answered, exited)
        started = loop.time()
        stopped_for: ExecutionStatus | None = None
        try:
            await asyncio.wait(
                (*ends, output.flooded),
                timeout=timeout_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not (answered.done() or exited.done()):
                flooded = output.flooded.done()
                stopped_for = ExecutionStatus.OUTPUT_LIMIT if flooded else ExecutionStatus.TIMEOUT
                self._interrupt()
                await asyncio.wait(ends, timeout=self._grace_seconds, return_when=asyncio.FIRST_COMPLETED)
            reply = answered.result() if answered.done() else None
            if reply is None and answered.done():
                # Its channel closed: the exit itself, and its reason, may come a moment later.
                await asyncio.wait((exited,), timeout=_LAST_POLL_SECONDS)
            seconds = loop.time() - started
            printed = output.drain()
        finally:
            output.close()
            for task in ends:
                task.cancel()
            # They must have let go of the socket before anyone closes it.
            await asyncio.gather(*ends, return_exceptions=True)
        survived = reply is not None and await self._sweep()
        status, error = reply or (ExecutionStatus.DIED, self._death())
        if stopped_for is not None:
            status, error = stopped_for, _stop_text(stopped_for, timeout_seconds, survived)
        peak = processes.peak_bytes(self.pid) if survived else None
        return CellRun(status, printed, error, seconds, survived, peak)

    async def end(self) -> None:
        """Kills the process and all it started. Cancelling the wait does not stop the ending."""
        if self._ending is None:
            self._ending = asyncio.get_running_loop().run_in_executor(
                self._enders,
                processes.end_family,
                self._process,
                self._mark,
                self._scratch,
                END_SECONDS,
            )
            self._ending.add_done_callback(lambda _: self._close_files())
        await asyncio.shield(self._ending)

    async def _sweep(self) -> bool:
        """Ends what the cell left running, so that it lives no longer than its slot."""
        if not processes.has_children(self.pid):
            return True
        return await asyncio.get_running_loop().run_in_executor(
            self._enders, processes.sweep, self.pid, self._mark, _SWEEP_SECONDS
        )

    def _interrupt(self) -> None:
        """As Ctrl-C does: to the whole group, for the cell may be waiting for a program."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGINT)

    async def _exited(self) -> None:
        """Ends with the process. A closed channel says it sooner, unless a fork holds it open."""
        # A process that is not asyncio's own child sets no event when it ends.
        while not processes.has_exited(self.pid):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)

    def _death(self) -> str:
        return f"the interpreter died ({processes.exit_reason(self.pid)}); all variables are lost"

    async def _converse(self, code: str) -> tuple[ExecutionStatus, str] | None:
        """The child's word on the cell; None when it has gone or talks nonsense."""
        frame = code.encode("utf-8", "surrogatepass")
        try:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(self._channel, len(frame).to_bytes(4, "big") + frame)
        except OSError:
            return None
        reply = await self._receive()
        word, _, error = (reply or b"").decode("utf-8", "replace").partition("\n")
        return (_CHILD_STATUSES[word], error) if word in _CHILD_STATUSES else None

    async def _receive(self) -> bytes | None:
        header = await self._read(4)
        length = int.from_bytes(header or b"\xff" * 4, "big")
        return await self._read(length) if length <= _REPLY_BYTES else None

    async def _read(self, count: int) -> bytes | None:
        parts = bytearray()
        loop = asyncio.get_running_loop()
        while len(parts) < count:
            try:
                part = await loop.sock_recv(self._channel, count - len(parts))
            except OSError:
                return None
            if not part:
                return None
            parts += part
        return bytes(parts)

    def _close_files(self) -> None:
        self._channel.close()
        self._pipe.close()


def _stop_text(status: ExecutionStatus, timeout_seconds: float, survived: bool) -> str:
    if status is ExecutionStatus.TIMEOUT:
        what = f"the cell ran longer than {timeout_seconds:g} seconds"
    else:
        what = f"the cell printed more than {FLOOD_BYTES // 2**20} MB"
    if survived:
        return f"{what} and was interrupted; variables are kept"
    return f"{what} and was killed; all variables are lost"


def _environment(scratch: Path, mark: str) -> dict[str, str]:
    """Nothing of the parent's but where its shared libraries are: its secrets stay with it."""
    libraries = os.environ.get("LD_LIBRARY_PATH")
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONINTMAXSTRDIGITS": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",  # Each further arena takes 64 MB of the address space.
        "CUDA_VISIBLE_DEVICES": "",  # The card's memory is the engine's.
        processes.MARK_VARIABLE: mark,
        **({"LD_LIBRARY_PATH": libraries} if libraries else {}),
    }
