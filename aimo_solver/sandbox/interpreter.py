"""Interpreter: the processes of one session, as the host sees and ends them (zygote.py, keeper.py).

Guarantees: how a cell ended is judged by the host's clock and by the death its leader reports; the
keeper's word decides only between ok, error, exit, memory limit and interrupted. Its output is read
while it runs. `end` kills the whole family and leaves no descriptor, process or file; `release` does
the same in the background.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import FileIO
from typing import TypeVar

from aimo_solver.errors import SandboxError
from aimo_solver.sandbox import processes
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.sandbox.cell_report import VARIABLE_TEXTS, CellReport, VariableState, stop_text
from aimo_solver.sandbox.events import SessionEvents
from aimo_solver.sandbox.fork_server import ForkServer
from aimo_solver.sandbox.frames import Frames
from aimo_solver.sandbox.inside.keeper import KEEP, TRY
from aimo_solver.sandbox.output import CellOutput

START_SECONDS = 120.0
"""On a cold disk the zygote's imports take most of it."""
END_SECONDS = 5.0

Result = TypeVar("Result")

_SWEEP_SECONDS = 5.0
_RESTORE_SECONDS = 15.0
_REPORT_SECONDS = 2.0
_WATCH_SECONDS = 0.25
_IDLE_BYTES = 64 * 2**20
"""What a session's processes hold before a cell does anything, generously: a cell is not charged for it."""
_RESTORED = "restored"
_STATUSES = {
    "ok": ExecutionStatus.OK,
    "error": ExecutionStatus.ERROR,
    "exit": ExecutionStatus.EXIT,
    "memory_limit": ExecutionStatus.MEMORY_LIMIT,
    "interrupted": ExecutionStatus.ERROR,
}
"""A cell that the host interrupts ends as a timeout; `interrupted` here means that it raised KeyboardInterrupt."""


@dataclass(slots=True)
class _Cell:
    """The cell under way, as far as is known."""

    snapshot: int = 0
    reply: tuple[ExecutionStatus, str] | None = None
    restored: bool = False
    """The snapshot has reported in place of a keeper that died."""
    stopped_for: ExecutionStatus | None = None
    """Which limit made the host stop it."""
    seconds: float = 0.0
    output: bytes = b""


class Interpreter:
    """Requested when it is made; `ready` waits until it takes cells. Must be ended by `end` or `release`."""

    def __init__(self, server: ForkServer, *, memory_bytes: int, grace_seconds: float, enders: Executor) -> None:
        self._server = server
        self._memory_bytes = memory_bytes
        self._grace_seconds = grace_seconds
        self._enders = enders
        self._ending: asyncio.Task[None] | None = None
        self.gone = Future[None]()
        """Done when nothing of this interpreter is left."""
        self.ended = False
        """Whether its end was requested."""
        self._keeper = 0
        self._cells = 0
        self._channel, far_channel = socket.socketpair()
        self._pipe, output = _pipe()
        events_pipe, events = _pipe()
        self._channel.setblocking(False)
        self._frames = Frames(self._channel)
        self._events = SessionEvents(events_pipe)
        try:
            self._prepared = server.open_session((far_channel.fileno(), output, events))
        except BaseException:
            self._close_files()
            raise
        finally:
            far_channel.close()
            os.close(output)
            os.close(events)

    @property
    def alive(self) -> bool:
        """Asks the kernel, as the report of a death may still be on its way."""
        return not self.ended and self._keeper != 0 and processes.is_alive(self._keeper)

    async def ready(self) -> None:
        """Waits until cells can run. Raises SandboxError if the interpreter does not start."""
        frame = None
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                if await self._events.wait_for_birth() is not None:
                    frame = await self._frames.receive()
        birth = self._events.birth
        if frame != b"ready" or birth is None:
            raise SandboxError(f"a sandbox's Python interpreter did not start: {self._server.last_errors()}")
        self._keeper = birth.keeper
        self._server.prepare()

    async def run(self, code: str, timeout_seconds: float, *, keep: bool) -> CellReport:
        """Runs one cell, and undoes it unless `keep`. If cancelled, the caller must `end` the interpreter."""
        cell = _Cell()
        keeper, cpu_before = self._keeper, processes.cpu_seconds(self._keeper)
        self._cells += 1
        await self._run_to_its_end(cell, code, timeout_seconds, keep=keep)
        status, error = cell.reply or (ExecutionStatus.DIED, f"the interpreter died ({self._cause_of_death()})")
        if keep and cell.reply is not None and await self._sweep(spare=(self._keeper,)):
            variables = VariableState.KEPT
        else:
            variables = await self._roll_back(cell)
            if variables is VariableState.LOST or not cell.snapshot:
                await self.end()
        if cell.stopped_for is not None:
            status = cell.stopped_for
            error = stop_text(status, variables, timeout_seconds=timeout_seconds, memory_bytes=self._memory_bytes)
        elif cell.reply is None:
            error += f"; {VARIABLE_TEXTS[variables]}"
        cpu_seconds, peak_bytes = await self._used(keeper, variables)
        if cpu_seconds is not None and cpu_before is not None:
            cpu_seconds = max(0.0, cpu_seconds - cpu_before)
        return CellReport(
            status=status,
            output=cell.output,
            error=error,
            seconds=cell.seconds,
            variables=variables,
            cpu_seconds=cpu_seconds,
            peak_bytes=peak_bytes,
        )

    async def end(self) -> None:
        """Kills the processes and everything they started. Cancelling the wait does not stop the ending."""
        if not self.ended:
            self.ended = True
            self._ending = asyncio.ensure_future(self._end())
        await asyncio.shield(asyncio.wrap_future(self.gone))

    def release(self) -> None:
        """Ends an interpreter that runs no cell, without waiting; `end` or `gone` can be awaited."""
        if not self.ended:
            self.ended = True
            self._close_files()
            self._enders.submit(self._kill).add_done_callback(lambda _: self.gone.set_result(None))

    async def _run_to_its_end(self, cell: _Cell, code: str, timeout_seconds: float, *, keep: bool) -> None:
        """Runs the code until it ends, or is interrupted at a limit and its grace is over."""
        loop = asyncio.get_running_loop()
        output = CellOutput(self._pipe.fileno())
        answered = asyncio.ensure_future(self._converse(code, keep, cell))
        died = asyncio.ensure_future(self._events.wait_for_death(self._keeper))
        overfull = asyncio.ensure_future(self._watch_memory(cell))
        ends = (answered, died)
        started = loop.time()
        try:
            await _first(*ends, output.flooded, overfull, seconds=timeout_seconds)
            if not (answered.done() or died.done()):
                cell.stopped_for = ExecutionStatus.TIMEOUT
                if overfull.done():
                    cell.stopped_for = ExecutionStatus.MEMORY_LIMIT
                elif output.flooded.done():
                    cell.stopped_for = ExecutionStatus.OUTPUT_LIMIT
                self._interrupt()
                await _first(*ends, seconds=self._grace_seconds)
            if cell.reply is None:  # The channel may close before the death is reported, or after it.
                await _first(died, seconds=_REPORT_SECONDS)
            cell.seconds = loop.time() - started
            cell.output = output.drain()
        finally:
            output.close()
            for task in (*ends, overfull):
                task.cancel()
            # The tasks must have stopped using the socket before it is closed.
            await asyncio.gather(*ends, overfull, return_exceptions=True)

    async def _converse(self, code: str, keep: bool, cell: _Cell) -> None:
        """Sends the code and notes the keeper's answers in `cell`, until they end or are malformed."""
        frame = (KEEP if keep else TRY) + code.encode("utf-8", "surrogatepass")
        try:
            await self._frames.send(frame)
        except OSError:
            return
        running = (await self._frames.receive() or b"").split()
        if len(running) == 2 and running[1].isdigit():
            cell.snapshot = int(running[1])
            self._events.forget(cell.snapshot)
        word, _, error = (await self._frames.receive() or b"").decode("utf-8", "replace").partition("\n")
        cell.restored = word == _RESTORED
        if word in _STATUSES:
            cell.reply = _STATUSES[word], error

    async def _watch_memory(self, cell: _Cell) -> None:
        """Ends when the family, a cell's forks included, holds more than a session may.

        The snapshot is left out: what it alone holds are variables that the cell has replaced.
        """
        birth = self._events.birth
        assert birth is not None, "a cell is running"
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            held = partial(processes.family_bytes, birth.leader, self._prepared.mark, without=cell.snapshot)
            if await self._off_loop(held) > self._memory_bytes + _IDLE_BYTES:
                return

    def _interrupt(self) -> None:
        """Sends SIGINT to the whole group, as Ctrl-C does: the cell may be waiting for a program."""
        birth = self._events.birth
        if birth is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(birth.leader, signal.SIGINT)

    def _cause_of_death(self) -> str:
        death = self._events.death(self._keeper)
        return "with its leader" if death is None else processes.exit_reason(death.status)

    async def _sweep(self, spare: tuple[int, ...]) -> bool:
        """Ends what the cell left running, so that it does not outlive the cell's slot."""
        birth = self._events.birth
        assert birth is not None, "a cell has run"
        if spare and processes.children(birth.leader) <= {*spare} and not processes.children(self._keeper):
            return True
        sweep = partial(processes.sweep, seconds=_SWEEP_SECONDS, spare=spare)
        return await self._off_loop(sweep, birth.leader, self._prepared.mark)

    async def _roll_back(self, cell: _Cell) -> VariableState:
        """Ends the keeper; its snapshot, if there is one, takes its place."""
        if not cell.snapshot:  # Before a first cell there are no variables: a new interpreter is as good.
            return VariableState.ROLLED_BACK if self._cells == 1 else VariableState.LOST
        await self._sweep(spare=(cell.snapshot,))
        if not cell.restored:
            with suppress(TimeoutError):
                async with asyncio.timeout(_RESTORE_SECONDS):
                    cell.restored = await self._frames.receive() == _RESTORED.encode()
        if not cell.restored:
            return VariableState.LOST
        self._keeper = cell.snapshot
        return VariableState.ROLLED_BACK

    async def _used(self, keeper: int, variables: VariableState) -> tuple[float | None, int | None]:
        """Returns the CPU seconds and the peak memory of the keeper that ran the cell."""
        if variables is VariableState.KEPT:
            return processes.cpu_seconds(keeper), processes.peak_bytes(keeper)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._events.wait_for_death(keeper), _REPORT_SECONDS)
        death = self._events.death(keeper)
        return (death.cpu_seconds, death.peak_bytes) if death else (None, None)

    async def _end(self) -> None:
        try:
            if self._events.birth is None:
                self._channel.close()  # A keeper born from now on ends at once.
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._events.wait_for_birth(), END_SECONDS)
            await self._off_loop(self._kill)
        finally:
            self._close_files()
            self.gone.set_result(None)

    def _kill(self) -> None:
        if birth := self._events.birth:
            processes.end_family(birth.leader, self._prepared.mark, END_SECONDS)
            self._server.reap(birth.leader)
        processes.remove(self._prepared.scratch)

    def _off_loop(self, function: Callable[..., Result], *arguments: object) -> Awaitable[Result]:
        return asyncio.get_running_loop().run_in_executor(self._enders, function, *arguments)

    def _close_files(self) -> None:
        self._channel.close()
        self._pipe.close()
        self._events.close()


def _pipe() -> tuple[FileIO, int]:
    """Returns a reading end that never blocks, as a file, and a writing end."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    return FileIO(read_end), write_end


async def _first(*futures: asyncio.Future[None] | asyncio.Task[None], seconds: float) -> None:
    await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
