"""The buffered policy of NVIDIA's AIMO2 winner: a base time per problem, and a buffer of what others saved.

Source: arXiv 2504.16891, section 5 (350 s and at most 210 s from the buffer, 12 streams, stop when
4 of the first 5 agree or 10 of 12 have finished). Here everything fits inside one total limit: when
less is left than the base time for every problem to come, each gets an equal share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from aimo_solver.config.policy_settings import NemoSkillsSettings
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Action, Decision, Grant, Progress, scaled_seconds
from aimo_solver.policies.stopping import StoppingRule, agreement, cannot_be_caught, enough_finished, first_reason


@dataclass(frozen=True, slots=True)
class NemoSkillsPolicy:
    """Pure, like every policy."""

    contest_share_seconds: ClassVar[float] = 18_000 / 50
    """Seconds per problem in the contest these settings were chosen for."""

    settings: NemoSkillsSettings = field(default_factory=NemoSkillsSettings)

    def grant(self, ledger: Ledger, now: float) -> Grant:
        settings, left = self.settings, ledger.left_seconds(now)
        base = settings.base_seconds
        if ledger.problems_left is not None:
            base = min(base, ledger.share_seconds(now))
        drawn = min(settings.buffer_seconds, ledger.saved_seconds(settings.base_seconds))
        # What is drawn must not eat into the shares of the problems still to come.
        to_come = max(0, (ledger.problems_left or 1) - 1)
        drawn = max(0.0, min(drawn, left - base * (1 + to_come)))
        return Grant(min(base + drawn, left), settings.rollouts, min(settings.concurrent, settings.rollouts))

    def review(self, progress: Progress, ledger: Ledger) -> Decision:
        reason = first_reason(self._rules, progress)
        return Decision(Action.STOP, reason) if reason is not None else Decision(Action.CONTINUE)

    def scaled(self, factor: float) -> NemoSkillsPolicy:
        return NemoSkillsPolicy(scaled_seconds(self.settings, factor))

    @property
    def _rules(self) -> tuple[StoppingRule, ...]:
        settings = self.settings
        return (
            agreement(settings.agree, settings.agree_first),
            enough_finished(settings.finished_share),
            cannot_be_caught,
        )
