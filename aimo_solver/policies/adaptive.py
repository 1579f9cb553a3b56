"""Our policy: the surer the leader, and the longer a problem has run against its share, the sooner it stops.

A closed rule. A problem's share rho is the time left by the problems left; u is what a mean rollout
takes beside five others. The vote stops when the doubt that the leader really leads, q = I_0.5(a + 1,
b + 1) for a votes against b, is at most min(most_doubt, risk (u / rho)^2) x t / rho after t seconds:
by a timer, not only when a vote arrives. Width follows the time left: as many rollouts as end, on
average, inside a share. No problem takes more than `cap_shares` shares, and none eats into half the
planned share of each that follows. Length and speed of the rollouts are learnt as the run goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

from aimo_solver.errors import InputError
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Action, Decision, Grant, Progress
from aimo_solver.policies.speed_table import Workload
from aimo_solver.policies.stopping import cannot_be_caught, doubt, leader_of

PACE_STREAMS = 6
"""u is a mean rollout's time beside so many in all."""
PLAN_STREAMS = 12
"""A whole budget above `wide_from` rollouts of this width may go `wide`."""


@dataclass(frozen=True, slots=True)
class AdaptivePolicy:
    """Pure, as every policy: what was learnt stands in the ledger."""

    workload: Workload
    """What is believed before the first problem."""
    narrow: int = 3
    width: int = 8
    wide: int = 16
    wide_from: float = 1.5
    fit: float = 1.3
    """A mean rollout may take so many shares."""
    risk: float = 0.1
    most_doubt: float = 0.5
    cap_shares: float = 4.0
    kept_share: float = 0.5
    """Of each later problem's planned share, what this one may never touch."""
    prior_rollouts: float = 8.0
    """How many rollouts the workload's own figures count for."""
    expected_problems: int = 50
    """Where their number is not told."""

    def __post_init__(self) -> None:
        if not 1 <= self.narrow <= self.width <= self.wide:
            raise InputError(
                f"narrow, width and wide must grow from 1 on, got {(self.narrow, self.width, self.wide)!r}"
            )
        for name in ("wide_from", "fit", "risk", "most_doubt", "cap_shares", "prior_rollouts", "expected_problems"):
            if not getattr(self, name) > 0:  # NaN is refused too.
                raise InputError(f"{name} must be positive, got {getattr(self, name)!r}")
        if not 0 <= self.kept_share <= 1:
            raise InputError(f"kept_share must be in [0, 1], got {self.kept_share!r}")

    def grant(self, ledger: Ledger, now: float) -> Grant:
        left, share = ledger.left_seconds(now), ledger.share_seconds(now, self.expected_problems)
        to_come = ledger.problems_to_come(self.expected_problems) - 1
        cap = min(self.cap_shares * share, left - self.kept_share * self._planned_share(ledger) * to_come)
        rollouts = self._rollouts(ledger, share)
        return Grant(min(max(cap, share), left), rollouts, rollouts)

    def review(self, progress: Progress, ledger: Ledger) -> Decision:
        reason = cannot_be_caught(progress)
        if reason is not None:
            return Decision(Action.STOP, reason)
        leader, votes, runner_up = leader_of(progress)
        if leader is None:
            return Decision(Action.GO_ON)
        share = ledger.share_seconds(progress.started_at, self.expected_problems)
        pressure = min(self.most_doubt, self.risk * (self.unit_seconds(ledger) / share) ** 2)
        stop_at = progress.started_at + share * doubt(votes, runner_up) / pressure
        if progress.now >= stop_at:
            spent = progress.now - progress.started_at
            return Decision(Action.STOP, f"{leader} leads {votes} to {runner_up} after {spent / share:.2f} shares")
        return Decision(Action.GO_ON, review_at=stop_at)

    def unit_seconds(self, ledger: Ledger) -> float:
        """u: what a mean rollout takes beside five others."""
        return self._mean_seconds(ledger, PACE_STREAMS)

    def _rollouts(self, ledger: Ledger, share: float) -> int:
        """The most that end, on average, inside the share."""
        ample = self._planned_share(ledger) > self.wide_from * self._mean_seconds(ledger, PLAN_STREAMS)
        widest = self.wide if ample else self.width
        fitting = (n for n in range(widest, self.narrow, -1) if self._mean_seconds(ledger, n) <= self.fit * share)
        return next(fitting, self.narrow)

    def _planned_share(self, ledger: Ledger) -> float:
        """An equal share of the whole limit."""
        problems = ledger.spent.problems + ledger.problems_to_come(self.expected_problems)
        return (ledger.total_seconds - ledger.reserve_seconds) / problems

    def _mean_seconds(self, ledger: Ledger, streams: int) -> float:
        """What a mean rollout takes, as far as the run has shown."""
        spent, prior, speeds = ledger.spent, self.prior_rollouts, self.workload.speeds
        prior_tokens = prior * self.workload.rollout_tokens
        # Rollouts that were cut short count with the tokens they got to: an exponential's estimate.
        rollout_tokens = (prior_tokens + spent.tokens) / (prior + spent.ended)
        believed = prior_tokens
        if spent.seconds > 0:
            believed += spent.stream_seconds * speeds.per_stream(spent.stream_seconds / spent.seconds)
        slowness = believed / (prior_tokens + spent.tokens)
        return rollout_tokens * speeds.token_seconds(streams) * slowness
