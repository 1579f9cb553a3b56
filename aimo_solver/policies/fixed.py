"""An equal share of the time for every problem, and every rollout to its own end: the plain baseline."""

from __future__ import annotations

from dataclasses import dataclass

from aimo_solver.errors import InputError
from aimo_solver.ledger import Ledger
from aimo_solver.policies.policy import Action, Decision, Grant, Progress


@dataclass(frozen=True, slots=True)
class FixedPolicy:
    """Pure, as every policy. What a problem leaves over is shared among those that follow."""

    rollouts: int = 8
    concurrent: int = 8
    expected_problems: int = 50
    """Where their number is not told."""

    def __post_init__(self) -> None:
        for name in ("rollouts", "concurrent", "expected_problems"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be positive, got {getattr(self, name)!r}")

    def grant(self, ledger: Ledger, now: float) -> Grant:
        seconds = ledger.share_seconds(now, self.expected_problems)
        return Grant(seconds, self.rollouts, min(self.concurrent, self.rollouts))

    def review(self, progress: Progress, ledger: Ledger) -> Decision:
        return Decision(Action.GO_ON)
