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
    """It printed more than is kept; head and tail are kept."""
    DIED = "died"
    """The process ended without a word: a signal, os._exit, a crash in C."""
    STATE_LOST = "state_lost"
    """An earlier cell's end took the session's variables with it; this cell was not run."""


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """What one cell did."""

    status: ExecutionStatus
    stdout: str
    """What it printed, then the echo of its last expression; head and tail when it was too long."""
    error: str
    """A short text for the model, empty when `status` is ok."""
    seconds: float
    """Wall time of the run itself."""
    queue_seconds: float = 0.0
    """Wall time before the run, waiting for a free slot."""
    peak_bytes: int | None = None
    """Peak resident memory, where it is known."""


class Session(Protocol):
    """A Python interpreter of one rollout; variables last from cell to cell."""

    async def execute(self, code: str, timeout_seconds: float) -> ExecutionResult:
        """Runs one cell. Raises SandboxError when the session is closed or the sandbox broken."""
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
