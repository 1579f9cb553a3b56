"""imagination-research's AIMO2 kernel (2nd place): caps by the number of answers so far, consensus, gears.

Source: imagination-research/aimo2. A problem may take 11 minutes, 8 once there are 6 answers, 9
with 5, 10 with 3. It stops at 4 of 4, 5 of 7, 6 of 9 or 4 of the last 5 answers. After question 30
the number of samples shifts between 10 and 17 with the time left; when it shifts is not
published, so the gears' thresholds here are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from aimo_solver.config.policy_settings import ImaginationSettings
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Action, Decision, Grant, Progress, scaled_seconds
from aimo_solver.policies.stopping import agreement, agreement_of_last, cannot_be_caught, first_reason

_CONSENSUS = (
    agreement(4, 4),
    agreement_of_last(4, 5),
    agreement(5, 7),
    agreement(6, 9),
    cannot_be_caught,
)


@dataclass(frozen=True, slots=True)
class ImaginationPolicy:
    """Pure, like every policy."""

    contest_share_seconds: ClassVar[float] = 18_000 / 50
    """Seconds per problem in the contest these settings were chosen for."""

    settings: ImaginationSettings = field(default_factory=ImaginationSettings)

    def grant(self, ledger: Ledger, now: float) -> Grant:
        rollouts = self._gear(ledger, now)
        return Grant(min(self.settings.cap_seconds, ledger.left_seconds(now)), rollouts, rollouts)

    def review(self, progress: Progress, ledger: Ledger) -> Decision:
        reason = first_reason(_CONSENSUS, progress)
        if reason is not None:
            return Decision(Action.STOP, reason)
        answers = sum(answer is not None for answer in progress.answers)
        ends_at = progress.started_at + self._cap(answers)
        if progress.now >= ends_at:
            return Decision(Action.STOP, f"{answers} answers after {progress.now - progress.started_at:.0f} s")
        return Decision(Action.CONTINUE, review_at=ends_at)

    def scaled(self, factor: float) -> ImaginationPolicy:
        return ImaginationPolicy(scaled_seconds(self.settings, factor))

    def _cap(self, answers: int) -> float:
        """Returns the seconds a problem with this many answers may take."""
        if answers >= 6:
            return self.settings.cap_seconds_with_6_answers
        if answers >= 5:
            return self.settings.cap_seconds_with_5_answers
        return self.settings.cap_seconds_with_3_answers if answers >= 3 else self.settings.cap_seconds

    def _gear(self, ledger: Ledger, now: float) -> int:
        """Returns the number of rollouts, by the share left against the share planned."""
        settings = self.settings
        if ledger.spent.problems < settings.gears_from_problem:
            return settings.rollouts
        share = ledger.share_seconds(now, settings.expected_problems)
        share /= ledger.planned_share_seconds(settings.expected_problems)
        if share < 0.75:
            return settings.slow_rollouts
        return settings.fast_rollouts if share > 1.25 else settings.rollouts
