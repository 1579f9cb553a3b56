"""Compare: whether two runs differ, answer by answer.

Pairs are a problem and a run that both have. Two tests, because each alone misleads: McNemar's takes
the pairs for independent, which several runs of one problem are not; the paired bootstrap resamples
problems with all their runs. A difference is called real when both say so at 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb
from typing import Any

import numpy as np

from aimo_solver.errors import InputError
from aimo_solver.runs.summary import Estimate, estimate_mean
from aimo_solver.solver.solution import Solution

_DETECT = 1.96 + 0.84
"""Standard errors that a difference must have for four studies in five to see it at 5 %."""
_MOST_TOLD = 1000
_MOST_PROBLEMS_TOLD = 1_000_000
_NOTHING = 1e-9
"""A smaller difference is rounding."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The second against the first."""

    problems: int
    runs: int
    pairs: int
    first: float
    """Share of right answers."""
    second: float
    difference: Estimate
    only_first: int
    """Pairs that only the first answered rightly."""
    only_second: int
    p_value: float
    """McNemar's exact test, two-sided."""
    real: bool
    words: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(first: Sequence[Solution], second: Sequence[Solution]) -> Comparison:
    """Raises InputError when no problem with a gold answer is in both."""
    scores = [_scores(solutions) for solutions in (first, second)]
    keys = sorted(scores[0].keys() & scores[1].keys())
    if not keys:
        raise InputError("the runs have no answered problem with a gold answer in common; replay the same set twice")
    by_problem: dict[str, list[int]] = {}
    for key in keys:
        by_problem.setdefault(key[0], []).append(scores[1][key] - scores[0][key])
    gains = list(by_problem.values())
    difference = estimate_mean(np.array([np.mean(mine) for mine in gains]))
    only_first = sum(gain < 0 for mine in gains for gain in mine)
    only_second = sum(gain > 0 for mine in gains for gain in mine)
    p_value = mcnemar(only_first, only_second)
    real = p_value < 0.05 and (difference.low > 0 or difference.high < 0)
    return Comparison(
        problems=len(gains),
        runs=len({run for _, run in keys}),
        pairs=len(keys),
        first=float(np.mean([scores[0][key] for key in keys])),
        second=float(np.mean([scores[1][key] for key in keys])),
        difference=difference,
        only_first=only_first,
        only_second=only_second,
        p_value=p_value,
        real=real,
        words=_words(gains, difference, real=real),
    )


def _scores(solutions: Sequence[Solution]) -> dict[tuple[str, int], int]:
    return {(s.problem.id, s.run): int(s.correct) for s in solutions if s.correct is not None}


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value: chance of so uneven a split of the pairs that differ, were it a fair coin."""
    n, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(comb(n, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / 2**n) if n else 1.0


def _words(gains: Sequence[Sequence[int]], difference: Estimate, *, real: bool) -> str:
    size = f"{100 * abs(difference.mean):.1f} points"
    if real:
        return f"The second is really {'better' if difference.mean > 0 else 'worse'}, by {size}."
    within, between = _variances(gains)
    runs = min(map(len, gains))
    error = math.sqrt((between + within / runs) / len(gains))
    if error == 0:
        return "No difference, in any problem."
    if abs(difference.mean) < _NOTHING:
        least = 100 * _DETECT * error
        return f"No difference; one of {least:.1f} points would probably have been seen."
    return f"The difference of {size} may well be luck. {_needed(difference.mean, within, between, len(gains), runs)}"


def _variances(gains: Sequence[Sequence[int]]) -> tuple[float, float]:
    """Of a gain: from run to run of a problem, and from problem to problem."""
    means = np.array([np.mean(mine) for mine in gains])
    runs = min(map(len, gains))
    total = float(means.var(ddof=1)) if len(means) > 1 else 0.0
    if runs < 2:  # Nobody knows what one run's luck is; all of it is the hopeful answer.
        return total, 0.0
    within = float(np.mean([np.var(mine, ddof=1) for mine in gains]))
    return within, max(0.0, total - within / runs)


def _needed(difference: float, within: float, between: float, problems: int, runs: int) -> str:
    allowed = (difference / _DETECT) ** 2 * problems - between
    if allowed > 0:
        more = max(1, math.ceil(within / allowed) - runs)
        if more <= _MOST_TOLD:
            unit = "run" if more == 1 else "runs"
            return f"If it is as large as it looks, about {more} more {unit} of each would tell."
        return f"If it is as large as it looks, it would take more than {_MOST_TOLD} runs of each to tell."
    wanted = math.ceil((between + within / runs) / (difference / _DETECT) ** 2)
    told = f"about {wanted:,}" if wanted <= _MOST_PROBLEMS_TOLD else f"more than {_MOST_PROBLEMS_TOLD:,}"
    return (
        f"The problems differ more among themselves than runs do, so more runs would not tell; {told} problems would."
    )
