"""A policy with some of its decisions overridden: other numbers of rollouts or tokens, no early stop."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace

from aimo_solver.errors import InputError
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Action, Decision, Grant, Policy, Progress


@dataclass(frozen=True, slots=True)
class AdjustedPolicy:
    """Pure, like every policy. What is not overridden is the policy's own."""

    policy: Policy
    _: KW_ONLY
    rollouts: int | None = None
    """Rollouts per problem, all at once; None means the policy's own number."""
    concurrent: int | None = None
    """Rollouts that run at once, at most; None means the policy's own number."""
    max_tokens: int | None = None
    """Tokens per problem, all its rollouts together; None means no limit."""
    max_rollouts: int | None = None
    """Rollouts per problem, at most; None means no limit."""
    early_stop: bool = True
    """False means that every rollout runs to its end, and the same seeds give the same trajectories."""

    def __post_init__(self) -> None:
        for name in ("rollouts", "concurrent", "max_tokens", "max_rollouts"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be at least 1, got {value!r}")

    def grant(self, ledger: Ledger, now: float) -> Grant:
        grant = self.policy.grant(ledger, now)
        if self.rollouts is not None:
            grant = replace(grant, rollouts=self.rollouts, concurrent=self.rollouts)
        if self.max_rollouts is not None and grant.rollouts > self.max_rollouts:
            grant = replace(grant, rollouts=self.max_rollouts, concurrent=min(grant.concurrent, self.max_rollouts))
        if self.concurrent is not None:
            grant = replace(grant, concurrent=min(grant.concurrent, self.concurrent))
        return grant if self.max_tokens is None else replace(grant, max_tokens=self.max_tokens)

    def review(self, progress: Progress, ledger: Ledger) -> Decision:
        return self.policy.review(progress, ledger) if self.early_stop else Decision(Action.CONTINUE)
