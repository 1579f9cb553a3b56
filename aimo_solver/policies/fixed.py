"""An equal share of the time for every problem: the plain baseline, with one stopping rule or none."""

from __future__ import annotations

from dataclasses import dataclass, field

from aimo_solver.config.policy_settings import FixedSettings
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Action, Decision, Grant, Progress
from aimo_solver.policies.stopping import STOPPING_RULES


@dataclass(frozen=True, slots=True)
class FixedPolicy:
    """Pure, like every policy. The time a problem leaves is shared among those that follow."""

    settings: FixedSettings = field(default_factory=FixedSettings)

    def grant(self, ledger: Ledger, now: float) -> Grant:
        settings = self.settings
        seconds = ledger.share_seconds(now, settings.expected_problems)
        return Grant(seconds, settings.rollouts, min(settings.concurrent, settings.rollouts))

    def review(self, progress: Progress, ledger: Ledger) -> Decision:
        rule = self.settings.stop
        reason = None if rule is None else STOPPING_RULES[rule](progress)
        return Decision(Action.CONTINUE) if reason is None else Decision(Action.STOP, reason)
