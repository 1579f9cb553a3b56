"""Call: what a turn asks to be run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to run code: the code, or why it cannot be read. Exactly one of them is given."""

    code: str | None = None
    error: str | None = None
    """What the model is shown instead of a run: which part of the call cannot be read, and how to write it."""

    def __post_init__(self) -> None:
        if (self.code is None) is (self.error is None):
            raise ValueError(f"Call must have either code or error, got {self.code!r} and {self.error!r}")
