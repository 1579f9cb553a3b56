"""The buffered policy of NVIDIA's AIMO2 winner: a base a problem, and a buffer of what others saved.

Source: arXiv 2504.16891, section 5 (350 s and at most 210 s from the buffer, 12 streams, stop when
4 of the first 5 agree or 10 of 12 have finished). Here the whole lives inside one total limit: when
less is left than a base for every problem to come, each gets an equal share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aimo_solver.errors import InputError
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Action, Decision, Grant, Progress, require_positive, scaled_seconds
from aimo_solver.policies.stopping import StoppingRule, agreement, cannot_be_caught, enough_finished, first_reason


@dataclass(frozen=True, slots=True)
class NemoSkillsPolicy:
    """Pure, as every policy."""

    contest_share_seconds: ClassVar[float] = 18_000 / 50
    """Of one problem in the contest these seconds were chosen for."""

    rollouts: int = 12
    concurrent: int = 12
    base_seconds: float = 350.0
    buffer_seconds: float = 210.0
    """The most one problem may draw from what earlier ones saved."""
    agree: int = 4
    """Stop when this many of the first `agree_first` answers agree; 0: never."""
    agree_first: int = 5
    finished_share: float = 5 / 6
    """Stop when this share of the rollouts has finished; 1: never."""

    def __post_init__(self) -> None:
        require_positive(self, "rollouts", "concurrent", "base_seconds")
        if not self.buffer_seconds >= 0:
            raise InputError(f"buffer_seconds must be 0 or more, got {self.buffer_seconds!r}")
        if not 0 < self.finished_share <= 1:
            raise InputError(f"finished_share must be in (0, 1], got {self.finished_share!r}")
        if not 0 <= self.agree <= self.agree_first:
            raise InputError(f"agree must be in 0..agree_first ({self.agree_first}), got {self.agree!r}")

    def grant(self, ledger: Ledger, now: float) -> Grant:
        left = ledger.left_seconds(now)
        base = self.base_seconds
        if ledger.problems_left is not None:
            base = min(base, ledger.share_seconds(now))
        drawn = min(self.buffer_seconds, ledger.saved_seconds(self.base_seconds))
        # What is drawn must not eat the shares of the problems still to come.
        to_come = max(0, (ledger.problems_left or 1) - 1)
        drawn = max(0.0, min(drawn, left - base * (1 + to_come)))
        return Grant(min(base + drawn, left), self.rollouts, min(self.concurrent, self.rollouts))

    def review(self, progress: Progress, ledger: Ledger) -> Decision:
        reason = first_reason(self._rules, progress)
        return Decision(Action.STOP, reason) if reason is not None else Decision(Action.GO_ON)

    def scaled(self, factor: float) -> NemoSkillsPolicy:
        return scaled_seconds(self, factor)

    @property
    def _rules(self) -> tuple[StoppingRule, ...]:
        return agreement(self.agree, self.agree_first), enough_finished(self.finished_share), cannot_be_caught
