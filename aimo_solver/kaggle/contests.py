"""The contests on Kaggle: their limits, what they accept as an answer, and how they ask.

Source: the competitions' pages and their `kaggle_evaluation` packages, which are part of each
competition's input folder and are not ours to ship.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from aimo_solver.errors import InputError
from aimo_solver.problems.problem import AIMO1, AIMO2, AIMO3, AnswerRule, match_contest_name

HOUR_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """The rules of one edition of the AI Mathematical Olympiad."""

    rule: AnswerRule
    slug: str
    """The competition's name in addresses and input folders."""
    problems: int
    """Problems in a scoring run."""
    limit_seconds: float
    """Time limit of a scoring run on a GPU, counted from the start of the session."""
    server: tuple[str, str] | None
    """Module and class of the inference server; None means that problems come from an iterator."""
    call_seconds: float
    """How long the gateway waits for an answer; the first call, which includes loading, has no limit."""
    submission: str
    """The file that the gateway writes."""

    @property
    def name(self) -> str:
        return self.rule.name


CONTESTS: Final = (
    Contest(
        rule=AIMO1,
        slug="ai-mathematical-olympiad-prize",
        problems=50,
        limit_seconds=9 * HOUR_SECONDS,
        server=None,
        call_seconds=math.inf,
        submission="submission.csv",
    ),
    Contest(
        rule=AIMO2,
        slug="ai-mathematical-olympiad-progress-prize-2",
        problems=50,
        limit_seconds=5 * HOUR_SECONDS,
        server=("kaggle_evaluation.aimo_2_inference_server", "AIMO2InferenceServer"),
        call_seconds=0.5 * HOUR_SECONDS,
        submission="submission.parquet",
    ),
    Contest(
        rule=AIMO3,
        slug="ai-mathematical-olympiad-progress-prize-3",
        problems=50,
        limit_seconds=5 * HOUR_SECONDS,
        server=("kaggle_evaluation.aimo_3_inference_server", "AIMO3InferenceServer"),
        call_seconds=9 * HOUR_SECONDS,
        submission="submission.parquet",
    ),
)


def find_contest(name: str) -> Contest:
    """The contest called `name`: its name in any usual spelling, or its slug. Raises InputError that lists them."""
    names = {contest.name: contest for contest in CONTESTS} | {contest.slug: contest for contest in CONTESTS}
    matched = match_contest_name(name, names)
    if matched is None:
        raise InputError(f"contest must be one of {', '.join(one.name for one in CONTESTS)}, got {name!r}")
    return names[matched]
