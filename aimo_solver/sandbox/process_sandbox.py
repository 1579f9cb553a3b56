"""ProcessSandbox: each session has its own Python process, forked from a warm one at the first cell.

Guarantees, besides the protocol's:
- a session that runs no code costs nothing; at most `concurrent_cells` cells run at once, and a
  cell's clock starts once it has its slot and its interpreter;
- a cell that exceeds its time, memory or output gets SIGINT; if it ends within the grace period, its
  session continues. Otherwise, and after a crash, the process and its family are killed, and the
  session resumes from a snapshot made before the cell, with the variables as they were. The same
  happens after a cell that was only tried;
- variables are lost only when the snapshot is gone too, or the cell was cancelled: then the session's
  *next* cell is not run and returns `state_lost`, once; the one after it finds an empty namespace;
- what a cell started and left running is killed when the cell ends;
- cancelling `execute` or closing the session ends its processes; they are all gone, with every
  descriptor and file, once the sandbox has closed; kill -9 of the host leaves no interpreter.

It limits memory, output, open files, file size and time. What else is denied to code depends on the
machine: layers.py says what, `layers()` says whether. Daemon threads of a cell live until a later
cell fails. What cells had started survives kill -9 of the host, and so do the scratch folders.

Use a sandbox from one event loop, in a thread that lives as long as the sandbox: the kernel ends
an interpreter when the thread that started it ends.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from aimo_solver.config.fields import MIN_SESSION_BYTES
from aimo_solver.errors import SandboxError
from aimo_solver.sandbox.base import ExecutionResult, ExecutionStatus
from aimo_solver.sandbox.cell_report import VariableState
from aimo_solver.sandbox.fork_server import ForkServer
from aimo_solver.sandbox.inside.error_text import clip
from aimo_solver.sandbox.interpreter import Interpreter

PRELOADED = ("math", "itertools", "collections", "functools", "fractions", "numpy", "sympy")
"""The modules that models import."""
MAX_CODE_CHARS = 1_000_000
STATE_LOST_TEXT = "earlier variables are gone; define them again (this cell was not run)"

_MAX_ENDING = 8
_MIN_OUTPUT_CHARS = 80


class ProcessSandbox:
    """Sessions in processes under resource limits.

    `output_chars`: of a longer stdout, only head and tail are kept, within this many characters.
    `concurrent_cells`: None means one fewer than the cores, but at least two.
    `grace_seconds`: time between SIGINT and SIGKILL.
    `preload`: modules that every session has already imported; those not installed are skipped.
    """

    def __init__(
        self,
        *,
        memory_bytes: int = 2 * 2**30,
        output_chars: int = 8192,
        concurrent_cells: int | None = None,
        grace_seconds: float = 0.3,
        preload: Sequence[str] = PRELOADED,
    ) -> None:
        if concurrent_cells is None:
            concurrent_cells = max(2, (os.cpu_count() or 1) - 1)
        _require_at_least("memory_bytes", memory_bytes, MIN_SESSION_BYTES)
        _require_at_least("output_chars", output_chars, _MIN_OUTPUT_CHARS)
        _require_at_least("concurrent_cells", concurrent_cells, 1)
        _require_positive("grace_seconds", grace_seconds)
        self.memory_bytes = memory_bytes
        self.output_chars = output_chars
        self.grace_seconds = grace_seconds
        self.slots = asyncio.Semaphore(concurrent_cells)
        # A separate executor, so that ending a session never waits for work in the default one.
        self.enders = ThreadPoolExecutor(4, thread_name_prefix="sandbox-end")
        self.fork_server = ForkServer(preload, memory_bytes)
        self.sessions: set[ProcessSession] = set()
        self.interpreters: set[Interpreter] = set()
        """Those not yet gone, including those whose session was cancelled while closing."""
        self._closed = False

    async def open_session(self) -> ProcessSession:
        """Opens a session. Raises SandboxError if the sandbox is closed or Python does not start."""
        if self._closed:
            raise SandboxError("the sandbox is closed; make a new one")
        self.fork_server.start()
        session = ProcessSession(self)
        self.sessions.add(session)
        return session

    async def layers(self) -> dict[str, str]:
        """Returns "on" or the reason why not for each layer (layers.py). Starts Python if necessary."""
        return await self.fork_server.layers()

    def is_busy_ending(self) -> bool:
        """Returns whether too many interpreters are ending to end another one in the background."""
        return sum(interpreter.ended for interpreter in self.interpreters) >= _MAX_ENDING

    async def close(self) -> None:
        """Ends every session that is still open. Closing twice is harmless."""
        self._closed = True
        await asyncio.gather(*(session.close() for session in tuple(self.sessions)))
        await asyncio.gather(*(interpreter.end() for interpreter in tuple(self.interpreters)))
        await asyncio.get_running_loop().run_in_executor(None, self._shut_down)

    def _shut_down(self) -> None:
        self.enders.shutdown()
        self.fork_server.close()


class ProcessSession:
    """A session of ProcessSandbox, which opens it."""

    def __init__(self, sandbox: ProcessSandbox) -> None:
        self._sandbox = sandbox
        self._one_cell_at_a_time = asyncio.Lock()
        self._interpreter: Interpreter | None = None
        self._state_lost = False
        self._closed = False

    async def execute(self, code: str, timeout_seconds: float, *, keep: bool = True) -> ExecutionResult:
        """Runs one cell. Raises ValueError for bad arguments, and otherwise only SandboxError.

        `timeout_seconds` limits the run; waiting for a slot and starting up are counted separately,
        as the result's `queue_seconds`.
        """
        if not isinstance(code, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
            raise ValueError(f"code must be str, got {code!r}")
        _require_positive("timeout_seconds", timeout_seconds)
        if len(code) > MAX_CODE_CHARS:
            error = f"the cell has {len(code):,} characters, more than {MAX_CODE_CHARS:,}; it was not run"
            return ExecutionResult(status=ExecutionStatus.ERROR, stdout="", error=error, seconds=0.0)
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        async with self._one_cell_at_a_time:
            self._require_open()
            if self._interpreter is not None and not self._interpreter.alive:
                self._state_lost = True  # It died between two cells: a thread crashed.
                await self._end_interpreter()
            if self._state_lost:
                self._state_lost = False
                return ExecutionResult(status=ExecutionStatus.STATE_LOST, stdout="", error=STATE_LOST_TEXT, seconds=0.0)
            async with self._sandbox.slots:
                return await self._run(code, timeout_seconds, keep, asked_at)

    async def close(self) -> None:
        """Ends the interpreter and everything it started. Closing twice is harmless.

        An idle interpreter ends in the background if few others do; the sandbox's own `close` waits
        for it. A cell that is still running raises SandboxError in its own task.
        """
        self._closed = True
        self._sandbox.sessions.discard(self)
        if self._interpreter is None:
            return
        if self._one_cell_at_a_time.locked() or self._sandbox.is_busy_ending():
            await self._interpreter.end()
        else:
            self._interpreter.release()

    async def _run(self, code: str, timeout_seconds: float, keep: bool, asked_at: float) -> ExecutionResult:
        self._require_open()  # It may have been closed while this cell waited for a slot.
        loop = asyncio.get_running_loop()
        try:
            interpreter = await self._ready_interpreter()
            queue_seconds = loop.time() - asked_at
            report = await interpreter.run(code, timeout_seconds, keep=keep)
        except BaseException:  # Cancelled or broken: either way its state is unknown.
            self._state_lost = self._interpreter is not None
            await self._end_interpreter()
            self._require_open()
            raise
        self._require_open()
        self._state_lost = report.variables is VariableState.LOST
        if not interpreter.alive:
            await self._end_interpreter()
        return ExecutionResult(
            status=report.status,
            stdout=clip(report.output.decode("utf-8", "replace"), self._sandbox.output_chars),
            error=report.error,
            seconds=report.seconds,
            queue_seconds=queue_seconds,
            cpu_seconds=report.cpu_seconds,
            peak_bytes=report.peak_bytes,
        )

    async def _ready_interpreter(self) -> Interpreter:
        if self._interpreter is None:
            try:
                await self._start_interpreter()
            except SandboxError:  # The zygote may have been dying when asked: try once more, with a new one.
                await self._start_interpreter()
        assert self._interpreter is not None, "started above"
        return self._interpreter

    async def _start_interpreter(self) -> None:
        sandbox = self._sandbox
        interpreter = Interpreter(
            sandbox.fork_server,
            memory_bytes=sandbox.memory_bytes,
            grace_seconds=sandbox.grace_seconds,
            enders=sandbox.enders,
        )
        sandbox.interpreters.add(interpreter)
        interpreter.gone.add_done_callback(lambda _: sandbox.interpreters.discard(interpreter))
        self._interpreter = interpreter
        try:
            await interpreter.ready()
        except BaseException:  # Ended here, as it holds no variables that could be lost.
            self._interpreter = None
            await interpreter.end()
            raise

    async def _end_interpreter(self) -> None:
        interpreter, self._interpreter = self._interpreter, None
        if interpreter is not None:
            await interpreter.end()

    def _require_open(self) -> None:
        if self._closed:
            raise SandboxError("the session is closed; open a new one")


def _require_at_least(name: str, value: int, minimum: int) -> None:
    # A float from a settings file would fail only in the child, in setrlimit.
    if not isinstance(value, int) or value < minimum:  # pyright: ignore[reportUnnecessaryIsInstance]  # as above
        raise ValueError(f"{name} must be an int of at least {minimum}, got {value!r}")


def _require_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
