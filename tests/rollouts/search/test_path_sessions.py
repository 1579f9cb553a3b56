"""Path sessions: siblings share their path's variables, and few interpreters serve many paths."""

from __future__ import annotations

from aimo_solver.rollouts.search.path_sessions import MAX_SESSIONS, PathSessions
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.simulation.virtual_clock import run_virtual
from tests.helpers.fakes import InProcessSandbox


def test_no_more_sessions_are_open_than_the_limit() -> None:
    async def story() -> None:
        sandbox = InProcessSandbox()
        sessions = PathSessions(sandbox, 5.0)
        for n in range(20):
            result = await sessions.attempt((f"x = {n % 7}", "y = x"), "print(x + y)")
            assert result.stdout == f"{2 * (n % 7)}\n"
            assert sandbox.open_sessions <= MAX_SESSIONS
        await sessions.close()
        assert sandbox.open_sessions == 0

    run_virtual(story())


def test_a_session_that_has_run_the_path_runs_nothing_again() -> None:
    async def story() -> list[str]:
        sandbox = InProcessSandbox()
        sessions = PathSessions(sandbox, 5.0)
        await sessions.attempt(("x = 1",), "x")
        await sessions.attempt(("x = 1",), "x + 1")
        await sessions.attempt(("x = 1", "y = 2"), "x + y")
        await sessions.close()
        return sandbox.cells

    assert run_virtual(story()) == ["x = 1", "x", "x + 1", "y = 2", "x + y"]


def test_a_cell_of_the_path_that_fails_when_it_runs_again_is_the_result() -> None:
    async def story() -> tuple[ExecutionStatus, int]:
        sandbox = InProcessSandbox()
        sessions = PathSessions(sandbox, 5.0)
        result = await sessions.attempt(("x = 1", "x.y"), "print(x)")
        return result.status, sandbox.open_sessions

    assert run_virtual(story()) == (ExecutionStatus.ERROR, 0)
