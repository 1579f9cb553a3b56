"""ExecutionResult: what one cell of a model's Python did, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
    """It printed more than the sandbox lets out; head and tail are kept."""
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
    cpu_seconds: float | None = None
    """Of the cell's own process and those it waited for, where it is known."""
    peak_bytes: int | None = None
    """Peak resident memory of the cell's process, where it is known."""
