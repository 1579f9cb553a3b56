"""PathSessions: sandbox sessions that hold the variables of a tree's paths.

A cell is tried after a path's cells and undone (`Session.execute` with `keep` false), so that siblings
see their path's variables but not each other's. Where no session holds a path's variables, its cells
run again, and what they print is ignored, because it is known.

Guarantees: at most MAX_SESSIONS are open, and none after `close`.
Assumes that code does the same when it runs again. Siblings share what it changes outside its variables,
such as files.
"""

from __future__ import annotations

from dataclasses import dataclass

from aimo_solver.rollouts.code_tool import close_quietly
from aimo_solver.sandbox.base import ExecutionResult, ExecutionStatus, Sandbox, Session
from aimo_solver.utils.aio import together

MAX_SESSIONS = 4
"""Per tree: enough for the paths that a search alternates between."""

Cells = tuple[str, ...]


@dataclass(slots=True)
class _PathSession:
    """A session, and the cells that made its variables."""

    session: Session
    cells: Cells = ()


class PathSessions:
    """The sessions of one tree, which asks for one cell at a time."""

    def __init__(self, sandbox: Sandbox, timeout_seconds: float) -> None:
        """`timeout_seconds` is for each cell."""
        self._sandbox, self._timeout_seconds = sandbox, timeout_seconds
        self._open: list[_PathSession] = []
        """In the order of their last use."""

    async def attempt(self, cells: Cells, code: str) -> ExecutionResult:
        """Returns what `code` does after `cells`. Raises SandboxError.

        When a cell of the path fails as it runs again, that is the result.
        """
        result = await self._attempt(cells, code)
        if result.status is ExecutionStatus.STATE_LOST:  # A session says so once; that one is closed by now.
            result = await self._attempt(cells, code)
        return result

    async def close(self) -> None:
        """Closes every session."""
        closing, self._open = self._open, []
        await together([close_quietly(one.session) for one in closing])

    async def _attempt(self, cells: Cells, code: str) -> ExecutionResult:
        nearest = await self._nearest(cells)
        for cell in cells[len(nearest.cells) :]:
            result = await nearest.session.execute(cell, self._timeout_seconds)
            if result.status is not ExecutionStatus.OK:
                await self._drop(nearest)
                return result
            nearest.cells += (cell,)
        result = await nearest.session.execute(code, self._timeout_seconds, keep=False)
        if result.status is ExecutionStatus.STATE_LOST:
            await self._drop(nearest)
        return result

    async def _nearest(self, cells: Cells) -> _PathSession:
        """Returns the session that has run most of the cells and no others, or a new one."""
        fitting = [one for one in self._open if one.cells == cells[: len(one.cells)]]
        if fitting:
            nearest = max(fitting, key=lambda one: len(one.cells))
            self._open.remove(nearest)
        else:
            if len(self._open) == MAX_SESSIONS:
                await close_quietly(self._open.pop(0).session)
            nearest = _PathSession(await self._sandbox.open_session())
        self._open.append(nearest)
        return nearest

    async def _drop(self, one: _PathSession) -> None:
        self._open.remove(one)
        await close_quietly(one.session)
