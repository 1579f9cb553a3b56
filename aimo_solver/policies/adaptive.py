"""Our policy: the surer the leader, and the longer a problem has run against its share, the sooner it stops.

A closed rule. A problem's share rho is the time left divided by the problems left; u is the time of a
mean rollout beside five others. The vote stops when the doubt that the leader really leads,
q = I_0.5(a + 1, b + 1) for a votes against b, is at most min(max_doubt, risk (u / rho)^2) x t / rho
after t seconds: by a timer, not only when a vote arrives. Width follows the time left: as many rollouts
as end, on average, inside a share. No problem takes more than `cap_shares` shares, nor any of the
`kept_share` of the planned share of each that follows. Length and speed of the rollouts are learnt
during the run.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aimo_solver.config.policy_settings import AdaptiveSettings
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Action, Decision, Grant, Progress
from aimo_solver.policies.speed_table import Workload
from aimo_solver.policies.stopping import cannot_be_caught, doubt, leader_of

PACE_STREAMS = 6
"""u is the time of a mean rollout when this many run, itself included."""
PLAN_STREAMS = 12
"""A budget is ample, and may use the width `wide`, by the time of a mean rollout when this many run."""


@dataclass(frozen=True, slots=True)
class AdaptivePolicy:
    """Pure, like every policy: what was learnt is in the ledger."""

    workload: Workload
    """What is believed before the first problem."""
    settings: AdaptiveSettings = field(default_factory=AdaptiveSettings)

    def grant(self, ledger: Ledger, now: float) -> Grant:
        settings, left = self.settings, ledger.left_seconds(now)
        share = ledger.share_seconds(now, settings.expected_problems)
        later_problems = ledger.problems_to_come(settings.expected_problems) - 1
        kept = settings.kept_share * self._planned_share(ledger) * later_problems
        cap = min(settings.cap_shares * share, left - kept)
        rollouts = self._rollouts(ledger, share)
        return Grant(min(max(cap, share), left), rollouts, rollouts)

    def review(self, progress: Progress, ledger: Ledger) -> Decision:
        reason = cannot_be_caught(progress)
        if reason is not None:
            return Decision(Action.STOP, reason)
        leader, votes, runner_up = leader_of(progress)
        if leader is None:
            return Decision(Action.CONTINUE)
        settings = self.settings
        share = ledger.share_seconds(progress.started_at, settings.expected_problems)
        pressure = min(settings.max_doubt, settings.risk * (self.unit_seconds(ledger) / share) ** 2)
        stop_at = progress.started_at + share * doubt(votes, runner_up) / pressure
        if progress.now >= stop_at:
            spent = progress.now - progress.started_at
            return Decision(Action.STOP, f"{leader} leads {votes} to {runner_up} after {spent / share:.2f} shares")
        return Decision(Action.CONTINUE, review_at=stop_at)

    def unit_seconds(self, ledger: Ledger) -> float:
        """Returns u: the seconds that a mean rollout takes beside five others."""
        return self.mean_seconds(ledger, PACE_STREAMS)

    def _rollouts(self, ledger: Ledger, share: float) -> int:
        """Returns the greatest number of rollouts that end, on average, inside the share."""
        settings = self.settings
        ample = self._planned_share(ledger) > settings.wide_from * self.mean_seconds(ledger, PLAN_STREAMS)
        widest, limit = settings.wide if ample else settings.width, settings.fit * share
        fitting = (n for n in range(widest, settings.narrow, -1) if self.mean_seconds(ledger, n) <= limit)
        return next(fitting, settings.narrow)

    def _planned_share(self, ledger: Ledger) -> float:
        return ledger.planned_share_seconds(self.settings.expected_problems)

    def mean_seconds(self, ledger: Ledger, streams: int) -> float:
        """Returns the seconds that a mean rollout takes when this many run, as believed and as the run has shown."""
        spent, prior, speeds = ledger.spent, self.settings.prior_rollouts, self.workload.speeds
        prior_tokens = prior * self.workload.rollout_tokens
        # Rollouts that were cut short count with the tokens they got to: an exponential's estimate.
        rollout_tokens = (prior_tokens + spent.tokens) / (prior + spent.ended)
        believed = prior_tokens
        if spent.seconds > 0:
            believed += spent.stream_seconds * speeds.per_stream(spent.stream_seconds / spent.seconds)
        slowness = believed / (prior_tokens + spent.tokens)
        return rollout_tokens * speeds.token_seconds(streams) * slowness
