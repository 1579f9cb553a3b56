"""The result of a rehearsal: its answers, and how long each step and milestone took."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from aimo_solver.utils.log import Log

MILESTONES: Final = {"  wheels installed after": "installed after", "  engine loaded after": "engine loaded"}
"""Milestones, and the text in the kernel's output by which each is recognised."""


@dataclass(slots=True)
class RehearsalResult:
    """How a rehearsal went."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    """Duration of each step, in order, and times of the kernel's milestones."""
    network: str = ""
    answers: dict[str, int] = field(default_factory=dict[str, int])

    def noting_milestones(self, log: Log) -> Log:
        """Returns a log that also records when the kernel reaches each milestone."""
        started_at = time.monotonic()

        def note(line: str) -> None:
            for name, text in MILESTONES.items():
                if text in line:
                    self.seconds[name] = time.monotonic() - started_at
            log(line)

        return note

    @contextmanager
    def step(self, name: str) -> Generator[None]:
        """Records how long the block takes."""
        started_at = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - started_at
