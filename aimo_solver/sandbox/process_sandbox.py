"""ProcessSandbox: each session is a Python process of its own, forked from a warm one at its first cell.

Guarantees, beside the protocol's:
- a session that runs no code costs nothing; at most `concurrent_cells` cells run at once, and a
  cell's clock starts when it has its slot and its interpreter;
- a cell that runs out of time, or floods, gets SIGINT; if it is back within the grace its session
  lives on. Otherwise, and after a crash, the process and its family are killed, and the session
  goes on from a snapshot made before the cell: the variables are as they were; so it does after a
  cell that was only to be tried;
- only when the snapshot is gone too, or the cell was cancelled, are they lost: then the session's
  *next* cell is not run, its result says `state_lost`, once, and the one after it finds an empty
  namespace;
- what a cell started and left running is killed when the cell ends;
- cancelling `execute` or closing the session ends its processes, and they are all gone, with every
  descriptor and file, when the sandbox has closed; kill -9 of the host leaves no interpreter.

What it limits: memory, output, open files, the size of a file, time. What else code is kept from
depends on the machine: layers.py says what, `layers()` says whether. Daemon threads of a cell live
until a cell after it fails. What cells had started outlives kill -9 of the host, and so do the
scratch folders.

Use a sandbox from one event loop, in a thread that lives as long as the sandbox: the kernel ends
an interpreter when the thread that started it ends.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from aimo_solver.errors import SandboxError
from aimo_solver.sandbox.base import ExecutionResult, ExecutionStatus
from aimo_solver.sandbox.fork_server import ForkServer
from aimo_solver.sandbox.inside.cell import clip
from aimo_solver.sandbox.interpreter import Interpreter, State

PRELOADED = ("math", "itertools", "collections", "functools", "fractions", "numpy", "sympy")
"""What models import."""
MAX_CODE_CHARS = 1_000_000
STATE_LOST_TEXT = "earlier variables are gone; define them again (this cell was not run)"

_MOST_ENDING = 8
_LEAST_MEMORY_BYTES = 64 * 2**20
_LEAST_OUTPUT_CHARS = 80


class ProcessSandbox:
    """Sessions in processes under resource limits.

    `output_chars`: a cell's stdout keeps its head and tail within so many characters.
    `concurrent_cells`: None means one less than the cores, and at least two.
    `grace_seconds`: between the polite signal and SIGKILL.
    `preload`: modules that every session has imported already; those not installed are left out.
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
        _require_at_least("memory_bytes", memory_bytes, _LEAST_MEMORY_BYTES)
        _require_at_least("output_chars", output_chars, _LEAST_OUTPUT_CHARS)
        _require_at_least("concurrent_cells", concurrent_cells, 1)
        _require_positive("grace_seconds", grace_seconds)
        self.memory_bytes = memory_bytes
        self.output_chars = output_chars
        self.grace_seconds = grace_seconds
        self.slots = asyncio.Semaphore(concurrent_cells)
        # Its own, so that an ending never queues behind other work of the default executor.
        self.enders = ThreadPoolExecutor(4, thread_name_prefix="sandbox-end")
        self.fork_server = ForkServer(preload, memory_bytes)
        self.sessions: set[ProcessSession] = set()
        self.interpreters: set[Interpreter] = set()
        """Not ended yet: also those whose session was cancelled while it closed."""
        self._closed = False

    async def open_session(self) -> ProcessSession:
        """Raises SandboxError when the sandbox is closed or Python does not start."""
        if self._closed:
            raise SandboxError("the sandbox is closed; make a new one")
        self.fork_server.start()
        session = ProcessSession(self)
        self.sessions.add(session)
        return session

    async def layers(self) -> dict[str, str]:
        """What holds the code in, by name: "on", or why it is off (layers.py). Starts Python if need be."""
        return await self.fork_server.layers()

    def is_busy_ending(self) -> bool:
        """Whether so many interpreters are ending that a further one had better be waited for."""
        return sum(interpreter.ended for interpreter in self.interpreters) >= _MOST_ENDING

    async def close(self) -> None:
        """Ends every session still open. Closing twice is harmless."""
        self._closed = True
        await asyncio.gather(*(session.close() for session in tuple(self.sessions)))
        await asyncio.gather(*(interpreter.end() for interpreter in tuple(self.interpreters)))
        await asyncio.get_running_loop().run_in_executor(None, self._shut_down)

    def _shut_down(self) -> None:
        self.enders.shutdown()
        self.fork_server.close()


class ProcessSession:
    """A session of ProcessSandbox; open it there."""

    def __init__(self, sandbox: ProcessSandbox) -> None:
        self._sandbox = sandbox
        self._one_cell_at_a_time = asyncio.Lock()
        self._interpreter: Interpreter | None = None
        self._state_lost = False
        self._closed = False

    async def execute(self, code: str, timeout_seconds: float, *, keep: bool = True) -> ExecutionResult:
        """Runs one cell. Raises ValueError for its arguments, else SandboxError only.

        `timeout_seconds` is for the run; waiting for a slot and starting up come on top, and are
        the result's `queue_seconds`.
        """
        if not isinstance(code, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"code must be str, got {code!r}")
        _require_positive("timeout_seconds", timeout_seconds)
        if len(code) > MAX_CODE_CHARS:
            error = f"the cell has {len(code):,} characters, more than {MAX_CODE_CHARS:,}; it was not run"
            return ExecutionResult(status=ExecutionStatus.ERROR, stdout="", error=error, seconds=0.0)
        loop = asyncio.get_running_loop()
        asked = loop.time()
        async with self._one_cell_at_a_time:
            self._require_open()
            if self._interpreter is not None and not self._interpreter.alive:
                self._state_lost = True  # It died between two cells: a thread's crash.
                await self._end_interpreter()
            if self._state_lost:
                self._state_lost = False
                return ExecutionResult(status=ExecutionStatus.STATE_LOST, stdout="", error=STATE_LOST_TEXT, seconds=0.0)
            async with self._sandbox.slots:
                return await self._run(code, timeout_seconds, keep, asked)

    async def close(self) -> None:
        """Ends the interpreter and all it started. Closing twice is harmless.

        An idle one is ended in the background, where only few others are: the sandbox's own `close`
        waits for it. A cell still running raises SandboxError in its own task.
        """
        self._closed = True
        self._sandbox.sessions.discard(self)
        if self._interpreter is None:
            return
        if self._one_cell_at_a_time.locked() or self._sandbox.is_busy_ending():
            await self._interpreter.end()
        else:
            self._interpreter.release()

    async def _run(self, code: str, timeout_seconds: float, keep: bool, asked: float) -> ExecutionResult:
        self._require_open()  # It may have been closed while this cell waited for its slot.
        loop = asyncio.get_running_loop()
        try:
            interpreter = await self._ready_interpreter()
            queue_seconds = loop.time() - asked
            run = await interpreter.run(code, timeout_seconds, keep)
        except BaseException:  # Cancelled, or broken: either way nobody knows what it does now.
            self._state_lost = self._interpreter is not None
            await self._end_interpreter()
            self._require_open()
            raise
        self._require_open()
        self._state_lost = run.state is State.LOST
        if not interpreter.alive:
            await self._end_interpreter()
        return ExecutionResult(
            status=run.status,
            stdout=clip(run.output.decode("utf-8", "replace"), self._sandbox.output_chars),
            error=run.error,
            seconds=run.seconds,
            queue_seconds=queue_seconds,
            cpu_seconds=run.cpu_seconds,
            peak_bytes=run.peak_bytes,
        )

    async def _ready_interpreter(self) -> Interpreter:
        if self._interpreter is None:
            try:
                await self._start_interpreter()
            except SandboxError:  # The zygote may have been dying when it was asked: once more, of a new one.
                await self._start_interpreter()
        assert self._interpreter is not None, "it has started"
        return self._interpreter

    async def _start_interpreter(self) -> None:
        box = self._sandbox
        interpreter = Interpreter(box.fork_server, box.memory_bytes, box.grace_seconds, box.enders)
        box.interpreters.add(interpreter)
        interpreter.gone.add_done_callback(lambda _: box.interpreters.discard(interpreter))
        self._interpreter = interpreter
        try:
            await interpreter.ready()
        except BaseException:  # Ended here: no variables are lost with it.
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


def _require_at_least(name: str, value: int, least: int) -> None:
    # A float from a settings file would reach setrlimit, which refuses it in the child.
    if not isinstance(value, int) or value < least:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"{name} must be an int of at least {least}, got {value!r}")


def _require_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
