"""Stopping rules: parts that policies combine. Each says why it would stop, or None.

All of them certify which answer leads, not that it is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from aimo_solver.policies.policy import Progress


class StoppingRule(Protocol):
    """Says why to stop, or None."""

    def __call__(self, progress: Progress) -> str | None: ...


def cannot_be_caught(progress: Progress) -> str | None:
    """Lossless: the leader's lead exceeds the votes still to come."""
    leaders = progress.votes.most_common(2)
    if not leaders:
        return None
    lead = leaders[0][1] - (leaders[1][1] if len(leaders) > 1 else 0)
    to_come = progress.running + progress.waiting
    return f"{leaders[0][0]} cannot be caught" if lead > to_come > 0 else None


def agreement(needed: int, first: int) -> StoppingRule:
    """`needed` of the first `first` answers agree (NVIDIA AIMO2: 4 of 5). 0 turns it off."""

    def rule(progress: Progress) -> str | None:
        answers = [answer for answer in progress.answers if answer is not None][:first]
        if not answers or needed < 1:
            return None
        answer, votes = Counter(answers).most_common(1)[0]
        return f"{votes} of the first {len(answers)} answers are {answer}" if votes >= needed else None

    return rule


def enough_finished(share: float) -> StoppingRule:
    """At least `share` of the rollouts have finished (NVIDIA AIMO2: 10 of 12). 1 turns it off."""

    def rule(progress: Progress) -> str | None:
        finished, total = len(progress.answers), progress.rollouts
        # A share of 5/6 written as 0.8333 must mean 10 of 12, not 11.
        enough = share < 1 and finished >= share * total - 1e-3
        return f"{finished} of {total} rollouts have finished" if enough and progress.votes else None

    return rule


def first_reason(rules: Sequence[StoppingRule], progress: Progress) -> str | None:
    """The first rule's reason to stop, or None."""
    return next((reason for rule in rules if (reason := rule(progress)) is not None), None)
