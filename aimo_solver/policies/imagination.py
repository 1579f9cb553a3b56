"""imagination-research's AIMO2 kernel (2nd place): caps by the answers so far, consensus, gears.

Source: imagination-research/aimo2. A problem may take 11 minutes, 8 once there are 6 answers, 9
with 5, 10 with 3. It stops at 4 of 4, 5 of 7, 6 of 9 or 4 of the last 5 answers. After question 30
the number of samples shifts between 10 and 17 with the time left; when it shifts is not
published, so the gears' thresholds here are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Action, Decision, Grant, Progress, require_positive, scaled_seconds
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
    """Pure, as every policy."""

    contest_share_seconds: ClassVar[float] = 18_000 / 50
    """Of one problem in the contest these seconds were chosen for."""

    rollouts: int = 15
    slow_rollouts: int = 10
    """In the low gear: when less than three quarters of an equal share is left."""
    fast_rollouts: int = 17
    """In the high gear: when more than five quarters are."""
    gears_from_problem: int = 30
    cap_seconds: float = 660.0
    cap_seconds_with_3_answers: float = 600.0
    cap_seconds_with_5_answers: float = 540.0
    cap_seconds_with_6_answers: float = 480.0
    expected_problems: int = 50

    def __post_init__(self) -> None:
        require_positive(self, *(field.name for field in fields(self)))

    def grant(self, ledger: Ledger, now: float) -> Grant:
        rollouts = self._gear(ledger, now)
        return Grant(min(self.cap_seconds, ledger.left_seconds(now)), rollouts, rollouts)

    def review(self, progress: Progress, ledger: Ledger) -> Decision:
        reason = first_reason(_CONSENSUS, progress)
        if reason is not None:
            return Decision(Action.STOP, reason)
        answers = sum(answer is not None for answer in progress.answers)
        ends_at = progress.started_at + self._cap(answers)
        if progress.now >= ends_at:
            return Decision(Action.STOP, f"{answers} answers after {progress.now - progress.started_at:.0f} s")
        return Decision(Action.GO_ON, review_at=ends_at)

    def scaled(self, factor: float) -> ImaginationPolicy:
        return scaled_seconds(self, factor)

    def _cap(self, answers: int) -> float:
        if answers >= 6:
            return self.cap_seconds_with_6_answers
        if answers >= 5:
            return self.cap_seconds_with_5_answers
        return self.cap_seconds_with_3_answers if answers >= 3 else self.cap_seconds

    def _gear(self, ledger: Ledger, now: float) -> int:
        if ledger.spent.problems < self.gears_from_problem:
            return self.rollouts
        planned = (ledger.total_seconds - ledger.reserve_seconds) / (
            ledger.spent.problems + ledger.problems_to_come(self.expected_problems)
        )
        share = ledger.share_seconds(now, self.expected_problems) / planned
        if share < 0.75:
            return self.slow_rollouts
        return self.fast_rollouts if share > 1.25 else self.rollouts
