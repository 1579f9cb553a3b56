"""Interpreter: the processes of one session, as the host sees and ends them (zygote.py, child.py).

Guarantees: how a cell ended is judged by the host's clock and by the death its leader reports; the
keeper's word decides only between ok, error, exit, memory limit and interrupted. Its output is read
while it runs. `end` kills the whole family and leaves no descriptor, process or file; `release` does
so behind the caller's back.
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
from enum import Enum, auto
from io import FileIO
from typing import TypeVar

from aimo_solver.errors import SandboxError
from aimo_solver.sandbox import processes
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.sandbox.events import News
from aimo_solver.sandbox.fork_server import ForkServer
from aimo_solver.sandbox.frames import Frames
from aimo_solver.sandbox.inside.keeper import KEEP, TRY
from aimo_solver.sandbox.output import FLOOD_BYTES, Output

START_SECONDS = 120.0
"""A cold disk needs most of it for the zygote's imports."""
END_SECONDS = 5.0

Result = TypeVar("Result")

_SWEEP_SECONDS = 5.0
_RESTORE_SECONDS = 15.0
_LAST_WORD_SECONDS = 2.0
_WATCH_SECONDS = 0.25
_RESTORED = "restored"
_STATUSES = {
    "ok": ExecutionStatus.OK,
    "error": ExecutionStatus.ERROR,
    "exit": ExecutionStatus.EXIT,
    "memory_limit": ExecutionStatus.MEMORY_LIMIT,
    "interrupted": ExecutionStatus.ERROR,
}
"""`interrupted` by the host is a timeout; this is for code that raised KeyboardInterrupt itself."""


class State(Enum):
    """The session's variables after a cell."""

    KEPT = auto()
    ROLLED_BACK = auto()
    """They are what they were before the cell."""
    LOST = auto()


@dataclass(frozen=True, slots=True)
class CellRun:
    """What one cell did to its interpreter."""

    status: ExecutionStatus
    output: bytes
    error: str
    seconds: float
    state: State
    cpu_seconds: float | None
    peak_bytes: int | None


@dataclass(slots=True)
class _Cell:
    """The cell under way, as far as its keeper has told."""

    snapshot: int = 0
    reply: tuple[ExecutionStatus, str] | None = None
    restored: bool = False
    """The snapshot has spoken in the place of a keeper that died."""


class Interpreter:
    """Asked for at once; `ready` waits until it can take cells. Ended by `end` or `release`, and only so."""

    def __init__(self, server: ForkServer, memory_bytes: int, grace_seconds: float, enders: Executor) -> None:
        self._server = server
        self._memory_bytes = memory_bytes
        self._grace_seconds = grace_seconds
        self._enders = enders
        self._ending: asyncio.Task[None] | None = None
        self.gone = Future[None]()
        """Done when nothing of this interpreter is left."""
        self.ended = False
        """Whether its end was asked for."""
        self._keeper = 0
        self._cells = 0
        self._channel, far_channel = socket.socketpair()
        self._pipe, output = _pipe()
        news_pipe, news = _pipe()
        self._channel.setblocking(False)
        self._frames = Frames(self._channel)
        self._news = News(news_pipe)
        try:
            self._order = server.open_session((far_channel.fileno(), output, news))
        except BaseException:
            self._close_files()
            raise
        finally:
            far_channel.close()
            os.close(output)
            os.close(news)

    @property
    def alive(self) -> bool:
        """Asks the kernel: the news of a death may be under way."""
        return not self.ended and self._keeper != 0 and processes.is_alive(self._keeper)

    async def ready(self) -> None:
        """Raises SandboxError when the interpreter does not come up."""
        frame = None
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                if await self._news.births() is not None:
                    frame = await self._frames.receive()
        born = self._news.born
        if frame != b"ready" or born is None:
            raise SandboxError(f"a sandbox's Python interpreter did not start: {self._server.last_words()}")
        self._keeper = born.keeper
        self._server.prepare()

    async def run(self, code: str, timeout_seconds: float, keep: bool) -> CellRun:
        """Runs one cell, and undoes it unless `keep`. When cancelled, the caller must `end` the interpreter."""
        loop = asyncio.get_running_loop()
        output = Output(self._pipe.fileno())
        cell = _Cell()
        answered = asyncio.ensure_future(self._converse(code, keep, cell))
        died = asyncio.ensure_future(self._news.death_of(self._keeper))
        overfull = asyncio.ensure_future(self._watch_memory())
        ends = (answered, died)
        keeper, cpu_before = self._keeper, processes.cpu_seconds(self._keeper)
        self._cells += 1
        started = loop.time()
        stopped_for: ExecutionStatus | None = None
        try:
            await _first(*ends, output.flooded, overfull, seconds=timeout_seconds)
            if not (answered.done() or died.done()):
                stopped_for = ExecutionStatus.TIMEOUT
                if overfull.done():
                    stopped_for = ExecutionStatus.MEMORY_LIMIT
                elif output.flooded.done():
                    stopped_for = ExecutionStatus.OUTPUT_LIMIT
                self._interrupt()
                await _first(*ends, seconds=self._grace_seconds)
            if cell.reply is None:  # The channel closes before the death is told, and the reverse.
                await _first(died, seconds=_LAST_WORD_SECONDS)
            seconds = loop.time() - started
            printed = output.drain()
        finally:
            output.close()
            for task in (*ends, overfull):
                task.cancel()
            # They must have let go of the socket before anyone closes it.
            await asyncio.gather(*ends, overfull, return_exceptions=True)
        status, error = cell.reply or (ExecutionStatus.DIED, f"the interpreter died ({self._death()})")
        if keep and cell.reply is not None and await self._sweep(spare=(self._keeper,)):
            state = State.KEPT
        else:
            state = await self._roll_back(cell)
            if state is State.LOST or not cell.snapshot:
                await self.end()
        if stopped_for is not None:
            status, error = stopped_for, self._stop_text(stopped_for, timeout_seconds, state)
        elif cell.reply is None:
            error += f"; {_STATE_TEXTS[state]}"
        cpu, peak = await self._used(keeper, state)
        if cpu is not None and cpu_before is not None:
            cpu = max(0.0, cpu - cpu_before)
        return CellRun(status, printed, error, seconds, state, cpu, peak)

    async def end(self) -> None:
        """Kills the processes and all they started. Cancelling the wait does not stop the ending."""
        if not self.ended:
            self.ended = True
            self._ending = asyncio.ensure_future(self._end())
        await asyncio.shield(asyncio.wrap_future(self.gone))

    def release(self) -> None:
        """As `end`, of one that runs no cell, without the wait, which is for `end` or `gone`."""
        if not self.ended:
            self.ended = True
            self._close_files()
            self._enders.submit(self._kill).add_done_callback(lambda _: self.gone.set_result(None))

    async def _end(self) -> None:
        try:
            if self._news.born is None:
                self._channel.close()  # A keeper born from now on ends at once.
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.births(), END_SECONDS)
            await self._off_loop(self._kill)
        finally:
            self._close_files()
            self.gone.set_result(None)

    def _kill(self) -> None:
        if born := self._news.born:
            processes.end_family(born.leader, self._order.mark, END_SECONDS)
            self._server.reap(born.leader)
        processes.remove(self._order.scratch)

    async def _sweep(self, spare: tuple[int, ...]) -> bool:
        """Ends what the cell left running, so that it lives no longer than its slot."""
        born = self._news.born
        assert born is not None, "a cell has run"
        if spare and processes.children(born.leader) <= {*spare} and not processes.children(self._keeper):
            return True
        return await self._off_loop(processes.sweep, born.leader, self._order.mark, _SWEEP_SECONDS, spare)

    async def _roll_back(self, cell: _Cell) -> State:
        """Ends the keeper; its snapshot, where there is one, takes its place."""
        if not cell.snapshot:  # Before a first cell there is nothing: a new interpreter has as much.
            return State.ROLLED_BACK if self._cells == 1 else State.LOST
        await self._sweep(spare=(cell.snapshot,))
        if not cell.restored:
            with suppress(TimeoutError):
                async with asyncio.timeout(_RESTORE_SECONDS):
                    cell.restored = await self._frames.receive() == _RESTORED.encode()
        if not cell.restored:
            return State.LOST
        self._keeper = cell.snapshot
        return State.ROLLED_BACK

    async def _used(self, keeper: int, state: State) -> tuple[float | None, int | None]:
        """CPU seconds and peak memory of the keeper that ran the cell, up to now."""
        if state is State.KEPT:
            return processes.cpu_seconds(keeper), processes.peak_bytes(keeper)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.death_of(keeper), _LAST_WORD_SECONDS)
        death = self._news.death(keeper)
        return (death.cpu_seconds, death.peak_bytes) if death else (None, None)

    async def _watch_memory(self) -> None:
        """Ends when the family as a whole, a cell's forks included, holds more than a session may."""
        born = self._news.born
        assert born is not None, "a cell is running"
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if await self._off_loop(processes.family_bytes, born.leader, self._order.mark) > self._memory_bytes:
                return

    def _interrupt(self) -> None:
        """As Ctrl-C does: to the whole group, for the cell may be waiting for a program."""
        born = self._news.born
        if born is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(born.leader, signal.SIGINT)

    def _death(self) -> str:
        death = self._news.death(self._keeper)
        return "with its leader" if death is None else processes.exit_reason(death.status)

    def _stop_text(self, status: ExecutionStatus, timeout_seconds: float, state: State) -> str:
        what = {
            ExecutionStatus.TIMEOUT: f"the cell ran longer than {timeout_seconds:g} seconds",
            ExecutionStatus.MEMORY_LIMIT: f"the cell used more than {self._memory_bytes / 2**20:.0f} MB",
            ExecutionStatus.OUTPUT_LIMIT: f"the cell printed more than {FLOOD_BYTES // 2**20} MB",
        }[status]
        how = "interrupted" if state is State.KEPT else "killed"
        return f"{what} and was {how}; {_STATE_TEXTS[state]}"

    def _off_loop(self, function: Callable[..., Result], *arguments: object) -> Awaitable[Result]:
        return asyncio.get_running_loop().run_in_executor(self._enders, function, *arguments)

    async def _converse(self, code: str, keep: bool, cell: _Cell) -> None:
        """Sends the code and notes the keeper's words in `cell`, until they end or are nonsense."""
        frame = (KEEP if keep else TRY) + code.encode("utf-8", "surrogatepass")
        try:
            await self._frames.send(frame)
        except OSError:
            return
        running = (await self._frames.receive() or b"").split()
        if len(running) == 2 and running[1].isdigit():
            cell.snapshot = int(running[1])
            self._news.forget(cell.snapshot)
        word, _, error = (await self._frames.receive() or b"").decode("utf-8", "replace").partition("\n")
        cell.restored = word == _RESTORED
        if word in _STATUSES:
            cell.reply = _STATUSES[word], error

    def _close_files(self) -> None:
        self._channel.close()
        self._pipe.close()
        self._news.close()


def _pipe() -> tuple[FileIO, int]:
    """A reading end that never blocks, as a file, and a writing end."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    return FileIO(read_end), write_end


async def _first(*futures: asyncio.Future[None] | asyncio.Task[None], seconds: float) -> None:
    await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


_STATE_TEXTS = {
    State.KEPT: "variables are kept",
    State.ROLLED_BACK: "variables are as they were before it",
    State.LOST: "all variables are lost",
}
