"""Finding: the line of one check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    """It runs, but not as it should."""
    FAULT = "fault"
    """The engine will not start."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The line of one check."""

    name: str
    severity: Severity
    text: str
    """What was found and, for a warning or a fault, the cure."""
