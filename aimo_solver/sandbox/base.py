"""The Sandbox protocol: runs Python that a model wrote, cell by cell, in sessions.

Guarantees: whatever the code does comes back as an ExecutionResult; only the sandbox's own
failure raises SandboxError; every `execute` ends shortly after its timeout.
Each implementation's docstring says what it isolates and what it does not.
"""

from __future__ import annotations

from typing import Protocol

from aimo_solver.sandbox.execution import ExecutionResult, ExecutionStatus

__all__ = ["ExecutionResult", "ExecutionStatus", "Sandbox", "Session"]


class Session(Protocol):
    """A Python interpreter of one rollout; variables last from cell to cell."""

    async def execute(self, code: str, timeout_seconds: float, *, keep: bool = True) -> ExecutionResult:
        """Runs one cell. Raises SandboxError when the session is closed or the sandbox broken.

        With `keep` false the cell is only tried: the variables are then as they were before it. Its
        files stay.
        """
        ...

    async def close(self) -> None:
        """Ends the interpreter and all it started. Closing twice is harmless."""
        ...


class Sandbox(Protocol):
    """Opens sessions."""

    async def open_session(self) -> Session: ...

    async def close(self) -> None:
        """Ends every session still open."""
        ...
