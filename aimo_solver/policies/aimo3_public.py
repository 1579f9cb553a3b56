"""The public AIMO3 kernel (44 of 50): 300 s kept for each problem to come, 900 s at most, 4 equal answers.

Source: public AIMO3 kernels on gpt-oss-120b: clamp(left - 300 s x (remaining - 1), 300 s, 900 s) of
17,400 s, 8 rollouts. Unlike there, the minimum of 300 s never exceeds what is left, and the number of
problems is not built in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from aimo_solver.config.policy_settings import Aimo3PublicSettings
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Action, Decision, Grant, Progress, scaled_seconds
from aimo_solver.policies.stopping import agreement, cannot_be_caught, first_reason


@dataclass(frozen=True, slots=True)
class Aimo3PublicPolicy:
    """Pure, like every policy."""

    contest_share_seconds: ClassVar[float] = 17_400 / 50
    """Seconds per problem in the contest these settings were chosen for."""

    settings: Aimo3PublicSettings = field(default_factory=Aimo3PublicSettings)

    def grant(self, ledger: Ledger, now: float) -> Grant:
        settings, left = self.settings, ledger.left_seconds(now)
        free = left - settings.min_seconds * (ledger.problems_to_come(settings.expected_problems) - 1)
        seconds = min(max(free, settings.min_seconds), settings.max_seconds)
        return Grant(min(seconds, left), settings.rollouts, settings.rollouts)

    def review(self, progress: Progress, ledger: Ledger) -> Decision:
        # Among the first `rollouts` answers, which are all there are: any four equal answers.
        rule = agreement(self.settings.equal_answers, self.settings.rollouts)
        reason = first_reason((rule, cannot_be_caught), progress)
        return Decision(Action.CONTINUE) if reason is None else Decision(Action.STOP, reason)

    def scaled(self, factor: float) -> Aimo3PublicPolicy:
        return Aimo3PublicPolicy(scaled_seconds(self.settings, factor))
