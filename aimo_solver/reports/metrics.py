"""Figures of a method beyond a run's totals (summary.py): curves over rollouts, groups of problems, runs.

maj@k and pass@k are unbiased estimates for a fresh draw of k rollouts, from all finished rollouts of
a problem, whichever run they belong to. With early stop the finished ones are those that ended first,
so curves of such runs lean towards short rollouts: replay with --no-early-stop for a curve.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Final

from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.trajectory import StopReason
from aimo_solver.runs.summary import Summary, summarise
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.statistics import Estimate, estimate_mean

if TYPE_CHECKING:
    from aimo_solver.utils.statistics import Indices

_ORDERS: Final = 128
"""About as many orders of a problem's rollouts as maj@k is averaged over."""
_MAX_K: Final = 256
_MAX_GROUPS: Final = 30
"""A grouping into more groups than this says nothing."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What k rollouts per problem would give."""

    k: int
    majority: Estimate
    any_right: Estimate
    """pass@k."""


@dataclass(frozen=True, slots=True)
class ProblemGroup:
    """The problems that share a set, a level or a family."""

    by: str
    name: str
    summary: Summary


@dataclass(frozen=True, slots=True)
class Spread:
    """How much one pass over the problems owes to luck."""

    correct: tuple[int, ...]
    """Right answers of each run; unfinished runs are left out."""

    @property
    def mean(self) -> float:
        return statistics.fmean(self.correct)

    @property
    def deviation(self) -> float | None:
        """Standard deviation over runs; None with a single one."""
        return statistics.stdev(self.correct) if len(self.correct) > 1 else None


def curve(solutions: Sequence[Solution]) -> list[CurvePoint]:
    """Returns maj@k and pass@k for every k that each problem has rollouts for."""
    pooled: dict[str, list[int | None]] = {}
    golds: dict[str, int] = {}
    for solution in solutions:
        if solution.problem.gold is not None:
            golds[solution.problem.id] = solution.problem.gold
            pooled.setdefault(solution.problem.id, []).extend(_finished_answers(solution))
    groups = [(answers, golds[id]) for id, answers in pooled.items() if answers]
    if not groups:
        return []
    length = min(_MAX_K, *(len(answers) for answers, _ in groups))
    majority = [majority_curve(answers, gold) for answers, gold in groups]
    any_right = [pass_curve(answers, gold) for answers, gold in groups]
    return [
        CurvePoint(k + 1, estimate_mean([row[k] for row in majority]), estimate_mean([row[k] for row in any_right]))
        for k in _shown(length)
    ]


def _finished_answers(solution: Solution) -> list[int | None]:
    return [t.answer for t in solution.trajectories if t.stop_reason is not StopReason.CANCELLED]


def _shown(length: int) -> list[int]:
    """Returns every k while there are few, and the further on, the fewer of them."""
    return sorted({k for k in range(length) if k < 32 or (k + 1) % (8 if k < 128 else 16) == 0} | {length - 1})


def majority_curve(answers: Sequence[int | None], gold: int) -> list[float]:
    """Returns the chance that the plurality of k of the answers is right, for k = 1 ... n; ties are broken by lot.

    It is averaged over about _ORDERS orders of the answers, and exact at 1 and n.
    """
    import numpy as np

    codes = {answer: place for place, answer in enumerate(dict.fromkeys(a for a in answers if a is not None))}
    if gold not in codes:
        return [0.0] * len(answers)
    cast = np.zeros((len(answers), len(codes)), dtype=np.int32)
    for row, answer in enumerate(answers):
        if answer is not None:
            cast[row, codes[answer]] = 1
    votes = np.cumsum(cast[_orders(len(answers))], axis=1)
    best = votes.max(axis=2)
    tied = (votes == best[:, :, None]).sum(axis=2)
    right = (votes[:, :, codes[gold]] == best) & (best > 0)
    return [float(share) for share in (right / tied).mean(axis=0)]


def _orders(n: int) -> Indices:
    """Returns random orders of n, and every rotation of each, so that each answer comes first equally often."""
    import numpy as np

    random = np.random.default_rng(n)
    shuffled = np.argsort(random.random((max(1, _ORDERS // n), n)), axis=1)
    rotations = (np.arange(n)[:, None] + np.arange(n)[None, :]) % n
    return shuffled[:, rotations].reshape(-1, n)


def pass_curve(answers: Sequence[int | None], gold: int) -> list[float]:
    """Returns the chance that one of k is right, for k = 1 ... n: 1 - C(n - c, k) / C(n, k) (arXiv 2107.03374)."""
    n, right = len(answers), sum(answer == gold for answer in answers)
    return [1.0 - comb(n - right, k) / comb(n, k) for k in range(1, n + 1)]


def pass_at_1_difference(first: Sequence[Solution], second: Sequence[Solution]) -> Estimate | None:
    """Returns the second's pass@1 less the first's, over the problems that both have; None where there are none."""
    shares = [_pass_at_1(solutions) for solutions in (first, second)]
    common = sorted(shares[0].keys() & shares[1].keys())
    return estimate_mean([shares[1][id] - shares[0][id] for id in common]) if common else None


def _pass_at_1(solutions: Sequence[Solution]) -> Mapping[str, float]:
    """Returns the share of right rollouts of each problem, over all its runs."""
    right: dict[str, list[bool]] = {}
    for solution in solutions:
        if solution.problem.gold is not None:
            outcomes = [answer == solution.problem.gold for answer in _finished_answers(solution)]
            right.setdefault(solution.problem.id, []).extend(outcomes)
    return {id: sum(outcomes) / len(outcomes) for id, outcomes in right.items() if outcomes}


def spread_over_runs(solutions: Sequence[Solution]) -> Spread:
    """Returns the right answers of each whole run."""
    problems = len({solution.problem.id for solution in solutions})
    by_run: dict[int, list[Solution]] = {}
    for solution in solutions:
        by_run.setdefault(solution.run, []).append(solution)
    whole = [done for done in by_run.values() if len(done) == problems]
    return Spread(tuple(sum(bool(solution.correct) for solution in done) for done in whole))


_GROUPINGS: Final[tuple[tuple[str, Callable[[Problem], str | None]], ...]] = (
    ("set", lambda problem: problem.set),
    ("level", lambda problem: None if problem.level is None else f"level {problem.level}"),
    ("family", lambda problem: problem.family),
)


def groups(solutions: Sequence[Solution]) -> list[ProblemGroup]:
    """Returns the groups by set, level and family; a grouping into one group, or into very many, is left out."""
    found: list[ProblemGroup] = []
    for by, name_of in _GROUPINGS:
        members: dict[str, list[Solution]] = {}
        for solution in solutions:
            members.setdefault(name_of(solution.problem) or "-", []).append(solution)
        if 1 < len(members) <= _MAX_GROUPS:
            found += [ProblemGroup(by, name, summarise(mine)) for name, mine in sorted(members.items())]
    return found
