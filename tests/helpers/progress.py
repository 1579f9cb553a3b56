"""Progress as a policy sees it, written by hand: what is settled is what plurality would settle."""

from __future__ import annotations

from aimo_solver.policies.policy import Progress
from aimo_solver.voting import VoteCounter
from tests.helpers.examples import rollouts


def progress(
    *answers: int | None, now: float = 10.0, deadline: float = 350.0, running: int = 0, waiting: int = 0
) -> Progress:
    """Returns the progress of a problem that began at 0, after rollouts with these answers."""
    return Progress(
        now=now,
        started_at=0.0,
        deadline=deadline,
        answers=answers,
        running=running,
        waiting=waiting,
        settled=VoteCounter().settled(rollouts(*answers), running + waiting),
    )
