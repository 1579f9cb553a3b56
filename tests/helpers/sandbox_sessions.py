"""Runs cells in a sandbox's sessions.

Timeouts of cells that should end by themselves are hang guards, far above what they need.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aimo_solver.sandbox.base import ExecutionResult, ExecutionStatus, Sandbox, Session

HANG_GUARD_SECONDS = 30.0


def in_session(sandbox: Sandbox, scenario: Callable[[Session], Awaitable[None]], guard_seconds: float = 60.0) -> None:
    """Runs `scenario` with a session, and closes the session after it."""

    async def run() -> None:
        session = await sandbox.open_session()
        try:
            async with asyncio.timeout(guard_seconds):
                await scenario(session)
        finally:
            await session.close()

    asyncio.run(run())


def run_cells(sandbox: Sandbox, *cells: str, timeout_seconds: float = HANG_GUARD_SECONDS) -> list[ExecutionResult]:
    """Runs the cells in one session."""
    results: list[ExecutionResult] = []

    async def scenario(session: Session) -> None:
        for cell in cells:
            results.append(await session.execute(cell, timeout_seconds))

    in_session(sandbox, scenario)
    return results


def run_cell_in(sandbox: Sandbox, cell: str) -> ExecutionResult:
    """Runs one cell in its own session."""
    return run_cells(sandbox, cell)[0]


async def require_usable(session: Session) -> None:
    """Requires that the session runs cells again; it may report once that its variables are gone."""
    result = await session.execute("6 * 7", HANG_GUARD_SECONDS)
    if result.status is ExecutionStatus.STATE_LOST:
        assert result.stdout == ""
        result = await session.execute("6 * 7", HANG_GUARD_SECONDS)
    assert (result.status, result.stdout) == (ExecutionStatus.OK, "42\n")
