"""The Sandbox protocol: runs Python that a model wrote, cell by cell, in sessions.

Guarantees: whatever the code does comes back as an ExecutionResult; only the sandbox's own
failure raises SandboxError; every `execute` ends shortly after its timeout.
Each implementation's docstring says what it isolates and what it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class ExecutionStatus(StrEnum):
    """How a cell ended."""

    OK = "ok"
    ERROR = "error"
    """The code raised; `error` holds a short traceback for the model."""
    EXIT = "exit"
    """The code called sys.exit."""
    TIMEOUT = "timeout"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    """The code printed more than the sandbox allows; head and tail are kept."""
    DIED = "died"
    """The process ended without reporting: a signal, os._exit, a crash in C."""
    STATE_LOST = "state_lost"
    """An earlier cell's end took the session's variables with it; this cell was not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionResult:
    """What one cell did."""

    status: ExecutionStatus
    stdout: str
    """What it printed, then the echo of its last expression; only head and tail if it was too long."""
    error: str = ""
    """A short text for the model; empty when `status` is ok."""
    seconds: float
    """Wall time of the run itself."""
    queue_seconds: float = 0.0
    """Wall time spent waiting for a free slot before the run."""
    cpu_seconds: float | None = None
    """CPU time of the cell's process and of the children it waited for; None if unknown."""
    peak_bytes: int | None = None
    """Peak resident memory of the cell's process; None if unknown."""


class Session(Protocol):
    """A Python interpreter for one rollout; variables last from cell to cell."""

    async def execute(self, code: str, timeout_seconds: float, *, keep: bool = True) -> ExecutionResult:
        """Runs one cell. Raises SandboxError if the session is closed or the sandbox is broken.

        With `keep` false the cell is only tried: its changes to the variables are undone, its files
        stay.
        """
        ...

    async def close(self) -> None:
        """Ends the interpreter and everything it started. Closing twice is harmless."""
        ...


class Sandbox(Protocol):
    """Opens sessions."""

    async def open_session(self) -> Session: ...

    async def layers(self) -> dict[str, str]:
        """Returns what holds code in: each layer's name, and "on" or why it is off. Raises SandboxError."""
        ...

    async def close(self) -> None:
        """Ends every session that is still open."""
        ...
