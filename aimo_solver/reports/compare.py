"""Compare: whether two runs differ, answer by answer, and in which settings.

A pair is a problem and a run that both have. There are two tests, because each alone misleads:
McNemar's takes the pairs for independent, which several runs of one problem are not; the paired
bootstrap resamples problems with all their runs. A difference is called real when both find it at 5 %.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from aimo_solver.errors import InputError
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.statistics import Estimate, estimate_mean, mcnemar
from aimo_solver.utils.text import plural

_DETECTABLE_ERRORS: Final = 1.96 + 0.84
"""Standard errors that a difference must measure for four studies in five to find it at 5 %."""
_MAX_RUNS_ADVISED: Final = 1000
_MAX_PROBLEMS_ADVISED: Final = 1_000_000
_ROUNDING: Final = 1e-9
"""A smaller difference is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The second run against the first."""

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


@dataclass(frozen=True, slots=True)
class SettingDifference:
    """A setting that two runs do not share; None where a run does not have it."""

    key: str
    """Dotted, as in `preset.policy.name`."""
    first: Any
    second: Any


def compare(first: Sequence[Solution], second: Sequence[Solution]) -> Comparison:
    """Compares the answers. Raises InputError when no problem with a gold answer is in both."""
    scores = [_scores(solutions) for solutions in (first, second)]
    keys = sorted(scores[0].keys() & scores[1].keys())
    if not keys:
        raise InputError("the runs have no answered problem with a gold answer in common; replay the same set twice")
    by_problem: dict[str, list[int]] = {}
    for key in keys:
        by_problem.setdefault(key[0], []).append(scores[1][key] - scores[0][key])
    gains = list(by_problem.values())
    difference = estimate_mean([statistics.fmean(mine) for mine in gains])
    only_first = sum(gain < 0 for mine in gains for gain in mine)
    only_second = sum(gain > 0 for mine in gains for gain in mine)
    p_value = mcnemar(only_first, only_second)
    real = p_value < 0.05 and (difference.low > 0 or difference.high < 0)
    return Comparison(
        problems=len(gains),
        runs=len({run for _, run in keys}),
        pairs=len(keys),
        first=statistics.fmean(scores[0][key] for key in keys),
        second=statistics.fmean(scores[1][key] for key in keys),
        difference=difference,
        only_first=only_first,
        only_second=only_second,
        p_value=p_value,
        real=real,
        words=_words(gains, difference, real=real),
    )


def differing_settings(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[SettingDifference]:
    """Returns the settings in which two runs differ: the method's first, in the file's order; seeds and paths last."""
    ours, others = dict(_flat(first)), dict(_flat(second))
    found = [
        SettingDifference(key, ours.get(key), others.get(key))
        for key in dict.fromkeys((*ours, *others))
        if ours.get(key) != others.get(key)
    ]
    return sorted(found, key=_is_circumstance)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")  # pyright: ignore[reportUnknownArgumentType]  # TOML
        else:
            yield f"{prefix}{key}", value


def _is_circumstance(difference: SettingDifference) -> bool:
    """Whether the setting is a seed or a path, which two runs of one method may differ in."""
    values = (difference.first, difference.second)
    return difference.key.split(".")[-1] == "seed" or any(isinstance(value, str) and "/" in value for value in values)


def _scores(solutions: Sequence[Solution]) -> dict[tuple[str, int], int]:
    return {(s.problem.id, s.run): int(s.correct) for s in solutions if s.correct is not None}


def _words(gains: Sequence[Sequence[int]], difference: Estimate, *, real: bool) -> str:
    size = f"{100 * abs(difference.mean):.1f} points"
    if real:
        return f"The second is really {'better' if difference.mean > 0 else 'worse'}, by {size}."
    within, between = _variances(gains)
    runs = min(map(len, gains))
    error = math.sqrt((between + within / runs) / len(gains))
    if error == 0:
        return "No difference, in any problem."
    if abs(difference.mean) < _ROUNDING:
        detectable = 100 * _DETECTABLE_ERRORS * error
        return f"No difference; one of {detectable:.1f} points would probably have been seen."
    return f"The difference of {size} may well be luck. {_needed(difference.mean, within, between, len(gains), runs)}"


def _variances(gains: Sequence[Sequence[int]]) -> tuple[float, float]:
    """Returns the variance of a gain from run to run of a problem, and from problem to problem."""
    means = [statistics.fmean(mine) for mine in gains]
    runs = min(map(len, gains))
    total = statistics.variance(means) if len(means) > 1 else 0.0
    if runs < 2:  # One run cannot separate the two kinds of variance; all of it is taken for differences between runs.
        return total, 0.0
    within = statistics.fmean(statistics.variance(mine) for mine in gains)
    return within, max(0.0, total - within / runs)


def _needed(difference: float, within: float, between: float, problems: int, runs: int) -> str:
    """Returns how much more data would show whether a difference of this size is real."""
    allowed = (difference / _DETECTABLE_ERRORS) ** 2 * problems - between
    if allowed > 0:
        more = max(1, math.ceil(within / allowed) - runs)
        if more <= _MAX_RUNS_ADVISED:
            return f"If it is as large as it looks, about {plural(more, 'more run')} of each would show it."
        return f"If it is as large as it looks, it would take more than {_MAX_RUNS_ADVISED} runs of each to show it."
    wanted = math.ceil((between + within / runs) / (difference / _DETECTABLE_ERRORS) ** 2)
    number = f"about {wanted:,}" if wanted <= _MAX_PROBLEMS_ADVISED else f"more than {_MAX_PROBLEMS_ADVISED:,}"
    return f"Problems differ more among themselves than runs do: {number} problems would show it, more runs would not."
