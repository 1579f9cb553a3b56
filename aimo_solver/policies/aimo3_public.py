"""The public AIMO3 kernel (44 of 50): 300 s kept for each problem to come, 900 s at most, 4 equal answers.

Source: public AIMO3 kernels on gpt-oss-120b: clamp(left - 300 s x (remaining - 1), 300 s, 900 s) of
17,400 s, 8 rollouts. Unlike there, the 300 s floor never reaches beyond what is left, and the
number of problems is not built in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Action, Decision, Grant, Progress, require_positive, scaled_seconds
from aimo_solver.policies.stopping import agreement, cannot_be_caught, first_reason


@dataclass(frozen=True, slots=True)
class Aimo3PublicPolicy:
    """Pure, as every policy."""

    contest_share_seconds: ClassVar[float] = 17_400 / 50
    """Of one problem in the contest these seconds were chosen for."""

    rollouts: int = 8
    least_seconds: float = 300.0
    most_seconds: float = 900.0
    equal_answers: int = 4
    expected_problems: int = 50

    def __post_init__(self) -> None:
        names = ("rollouts", "least_seconds", "most_seconds", "equal_answers", "expected_problems")
        require_positive(self, *names)

    def grant(self, ledger: Ledger, now: float) -> Grant:
        left = ledger.left_seconds(now)
        free = left - self.least_seconds * (ledger.problems_to_come(self.expected_problems) - 1)
        seconds = min(max(free, self.least_seconds), self.most_seconds)
        return Grant(min(seconds, left), self.rollouts, self.rollouts)

    def review(self, progress: Progress, ledger: Ledger) -> Decision:
        # "4 of the first so many": any four equal answers.
        reason = first_reason((agreement(self.equal_answers, self.rollouts), cannot_be_caught), progress)
        return Decision(Action.GO_ON) if reason is None else Decision(Action.STOP, reason)

    def scaled(self, factor: float) -> Aimo3PublicPolicy:
        return scaled_seconds(self, factor)
