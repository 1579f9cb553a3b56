"""PathSessions: sandbox sessions that hold the variables of a tree's paths.

A cell is tried behind a path's cells and undone (`Session.execute` with `keep` false), so that siblings
see their path's variables and not one another's. Where no session holds a path's variables, its cells
run again, in silence: what they print is known.

Guarantees: at most MOST_SESSIONS open, and none after `close`.
Takes for granted that code does the same when it runs again. What it changes outside its variables, such
as files, siblings share.
"""

from __future__ import annotations

from dataclasses import dataclass

from aimo_solver.rollouts.rollout import close_quietly
from aimo_solver.sandbox.base import ExecutionResult, ExecutionStatus, Sandbox, Session
from aimo_solver.utils.aio import together

MOST_SESSIONS = 4
"""A tree: enough for the paths it goes back and forth between."""

Cells = tuple[str, ...]


@dataclass(slots=True)
class _Held:
    """A session, and the cells that made its variables."""

    session: Session
    cells: Cells = ()


class PathSessions:
    """The sessions of one tree, which asks for one cell at a time."""

    def __init__(self, sandbox: Sandbox, timeout_seconds: float) -> None:
        """`timeout_seconds` is for each cell."""
        self._sandbox, self._timeout_seconds = sandbox, timeout_seconds
        self._held: list[_Held] = []
        """The one used last stands last."""

    async def attempt(self, cells: Cells, code: str) -> ExecutionResult:
        """What `code` does behind `cells`. Raises SandboxError.

        When a cell of the path fails as it runs again, that is the result.
        """
        result = await self._attempt(cells, code)
        if result.status is ExecutionStatus.STATE_LOST:  # A session says so once, and is closed for it.
            result = await self._attempt(cells, code)
        return result

    async def close(self) -> None:
        """Ends every session."""
        held, self._held = self._held, []
        await together([close_quietly(one.session) for one in held])

    async def _attempt(self, cells: Cells, code: str) -> ExecutionResult:
        held = await self._nearest(cells)
        for cell in cells[len(held.cells) :]:
            result = await held.session.execute(cell, self._timeout_seconds)
            if result.status is not ExecutionStatus.OK:
                await self._drop(held)
                return result
            held.cells += (cell,)
        result = await held.session.execute(code, self._timeout_seconds, keep=False)
        if result.status is ExecutionStatus.STATE_LOST:
            await self._drop(held)
        return result

    async def _nearest(self, cells: Cells) -> _Held:
        """The session that has run most of the cells and no others, or a new one; from now on it stands last."""
        fitting = [held for held in self._held if held.cells == cells[: len(held.cells)]]
        if fitting:
            nearest = max(fitting, key=lambda held: len(held.cells))
            self._held.remove(nearest)
        else:
            if len(self._held) == MOST_SESSIONS:
                await close_quietly(self._held.pop(0).session)
            nearest = _Held(await self._sandbox.open_session())
        self._held.append(nearest)
        return nearest

    async def _drop(self, held: _Held) -> None:
        self._held.remove(held)
        await close_quietly(held.session)
