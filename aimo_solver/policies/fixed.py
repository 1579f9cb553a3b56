"""An equal share of the time for every problem: the plain baseline, with one stopping rule or none."""

from __future__ import annotations

from dataclasses import dataclass

from aimo_solver.errors import InputError
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Action, Decision, Grant, Progress
from aimo_solver.policies.stopping import STOPPING_RULES


@dataclass(frozen=True, slots=True)
class FixedPolicy:
    """Pure, as every policy. What a problem leaves over is shared among those that follow."""

    rollouts: int = 8
    concurrent: int = 8
    expected_problems: int = 50
    """Where their number is not told."""
    stop: str = ""
    """A stopping rule by name; none: every rollout runs to its own end."""

    def __post_init__(self) -> None:
        for name in ("rollouts", "concurrent", "expected_problems"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be positive, got {getattr(self, name)!r}")
        if self.stop and self.stop not in STOPPING_RULES:
            raise InputError(f"stop must be empty or one of {', '.join(STOPPING_RULES)}, got {self.stop!r}")

    def grant(self, ledger: Ledger, now: float) -> Grant:
        seconds = ledger.share_seconds(now, self.expected_problems)
        return Grant(seconds, self.rollouts, min(self.concurrent, self.rollouts))

    def review(self, progress: Progress, ledger: Ledger) -> Decision:
        reason = STOPPING_RULES[self.stop](progress) if self.stop else None
        return Decision(Action.GO_ON) if reason is None else Decision(Action.STOP, reason)
