"""A policy with what its user wants otherwise: other numbers of rollouts or tokens, no early stop."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aimo_solver.errors import InputError
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Action, Decision, Grant, Policy, Progress


@dataclass(frozen=True, slots=True)
class AdjustedPolicy:
    """Pure, as every policy. All else is the policy's own."""

    policy: Policy
    rollouts: int | None = None
    """So many for every problem, all at once; None: the policy's own."""
    concurrent: int | None = None
    """At most so many at once."""
    tokens: int | None = None
    """The most a problem may take."""
    most_rollouts: int | None = None
    early_stop: bool = True
    """False: every rollout runs to its own end, and the same seeds give the same trajectories."""

    def __post_init__(self) -> None:
        for name in ("rollouts", "concurrent", "tokens", "most_rollouts"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be at least 1, got {value!r}")

    def grant(self, ledger: Ledger, now: float) -> Grant:
        grant = self.policy.grant(ledger, now)
        if self.rollouts is not None:
            grant = replace(grant, rollouts=self.rollouts, concurrent=self.rollouts)
        if self.most_rollouts is not None and grant.rollouts > self.most_rollouts:
            grant = replace(grant, rollouts=self.most_rollouts, concurrent=min(grant.concurrent, self.most_rollouts))
        if self.concurrent is not None:
            grant = replace(grant, concurrent=min(grant.concurrent, self.concurrent))
        return grant if self.tokens is None else replace(grant, tokens=self.tokens)

    def review(self, progress: Progress, ledger: Ledger) -> Decision:
        return self.policy.review(progress, ledger) if self.early_stop else Decision(Action.GO_ON)
