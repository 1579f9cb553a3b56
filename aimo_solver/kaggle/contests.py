"""Editions of the contest: where each keeps its files, what it accepts, how long it lasts.

Source: the competitions' pages and their own `kaggle_evaluation` packages, which lie in the
competition's input folder and are not ours to ship.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from aimo_solver.errors import InputError
from aimo_solver.problems.problem import AIMO1, AIMO2, AIMO3, AnswerRule

HOUR_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Edition:
    """One AI Mathematical Olympiad contest on Kaggle."""

    number: int
    slug: str
    """The competition's name in addresses and input folders."""
    rule: AnswerRule
    limit_seconds: float
    """Of a scoring run on a GPU, from the session's start."""
    problems: int
    """Of a scoring run."""
    server: tuple[str, str] | None
    """Module and class of its inference server; None for AIMO1, which iterates."""
    call_seconds: float
    """The most its gateway waits for one answer; the first call waits for loading, too, and has no limit."""
    submission: str = "submission.parquet"
    """The file its gateway leaves."""

    @property
    def name(self) -> str:
        return self.rule.name


EDITIONS: Final = (
    Edition(1, "ai-mathematical-olympiad-prize", AIMO1, 9 * HOUR_SECONDS, 50, None, math.inf, "submission.csv"),
    Edition(
        2,
        "ai-mathematical-olympiad-progress-prize-2",
        AIMO2,
        5 * HOUR_SECONDS,
        50,
        ("kaggle_evaluation.aimo_2_inference_server", "AIMO2InferenceServer"),
        0.5 * HOUR_SECONDS,
    ),
    Edition(
        3,
        "ai-mathematical-olympiad-progress-prize-3",
        AIMO3,
        5 * HOUR_SECONDS,
        50,
        ("kaggle_evaluation.aimo_3_inference_server", "AIMO3InferenceServer"),
        9 * HOUR_SECONDS,
    ),
)


def find_edition(number: int) -> Edition:
    """Raises InputError that lists what there is."""
    for edition in EDITIONS:
        if edition.number == number:
            return edition
    raise InputError(f"edition must be one of {', '.join(str(one.number) for one in EDITIONS)}, got {number!r}")
