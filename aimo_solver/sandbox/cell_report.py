"""CellReport: what one cell did to its interpreter, and the texts that explain its end to a model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.sandbox.output import MAX_OUTPUT_BYTES


class VariableState(Enum):
    """The session's variables after a cell."""

    KEPT = auto()
    ROLLED_BACK = auto()
    """They are what they were before the cell."""
    LOST = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class CellReport:
    """What one cell did."""

    status: ExecutionStatus
    output: bytes
    error: str
    seconds: float
    variables: VariableState
    cpu_seconds: float | None
    peak_bytes: int | None


VARIABLE_TEXTS = {
    VariableState.KEPT: "variables are kept",
    VariableState.ROLLED_BACK: "variables are as they were before it",
    VariableState.LOST: "all variables are lost",
}


def stop_text(status: ExecutionStatus, variables: VariableState, *, timeout_seconds: float, memory_bytes: int) -> str:
    """Explains why the host stopped a cell, and what became of the variables."""
    reason = {
        ExecutionStatus.TIMEOUT: f"the cell ran longer than {timeout_seconds:g} seconds",
        ExecutionStatus.MEMORY_LIMIT: f"the cell used more than {memory_bytes / 2**20:.0f} MB",
        ExecutionStatus.OUTPUT_LIMIT: f"the cell printed more than {MAX_OUTPUT_BYTES // 2**20} MB",
    }[status]
    how = "interrupted" if variables is VariableState.KEPT else "killed"
    return f"{reason} and was {how}; {VARIABLE_TEXTS[variables]}"
