"""Figures: what runs say about a method, beyond their totals (summary.py).

maj@k and pass@k are unbiased estimates for a fresh draw of k rollouts, from all finished rollouts of
a problem, whatever run they are of. With early stop the finished ones are those that ended first,
so that curves of such runs lean towards short rollouts: replay with --no-early-stop for a curve.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.trajectory import StopReason
from aimo_solver.runs.summary import Estimate, Summary, estimate_mean, summarise
from aimo_solver.solver.solution import Solution

ORDERS = 128
"""Of a problem's rollouts, that maj@k is averaged over; about as many."""
MOST_K = 256
_FEW = 30
"""A grouping of more groups than this tells nothing."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What k rollouts a problem would give."""

    k: int
    majority: Estimate
    any_right: Estimate
    """pass@k."""


@dataclass(frozen=True, slots=True)
class Group:
    """The problems that have something in common."""

    by: str
    name: str
    summary: Summary


@dataclass(frozen=True, slots=True)
class Runs:
    """Passes over the same problems: how much luck is in one of them."""

    correct: tuple[int, ...]
    """Right answers, run by run; runs that were not finished are left out."""

    @property
    def mean(self) -> float:
        return statistics.fmean(self.correct)

    @property
    def deviation(self) -> float | None:
        """Standard deviation over runs; None with a single one."""
        return statistics.stdev(self.correct) if len(self.correct) > 1 else None


def curve(solutions: Sequence[Solution]) -> list[CurvePoint]:
    """maj@k and pass@k for every k that each problem has rollouts for."""
    pooled: dict[str, list[int | None]] = {}
    golds: dict[str, int] = {}
    for solution in solutions:
        if solution.problem.gold is not None:
            golds[solution.problem.id] = solution.problem.gold
            answers = pooled.setdefault(solution.problem.id, [])
            answers += [t.answer for t in solution.trajectories if t.stop_reason is not StopReason.CANCELLED]
    groups = [(answers, golds[id]) for id, answers in pooled.items() if answers]
    if not groups:
        return []
    most = min(MOST_K, *(len(answers) for answers, _ in groups))
    majority = np.array([majority_curve(answers, gold)[:most] for answers, gold in groups])
    any_right = np.array([pass_curve(answers, gold)[:most] for answers, gold in groups])
    return [CurvePoint(k + 1, estimate_mean(majority[:, k]), estimate_mean(any_right[:, k])) for k in _shown(most)]


def _shown(most: int) -> list[int]:
    """Every k while there are few, then ever fewer of them."""
    return sorted({k for k in range(most) if k < 32 or (k + 1) % (8 if k < 128 else 16) == 0} | {most - 1})


def majority_curve(answers: Sequence[int | None], gold: int) -> list[float]:
    """Chance that the plurality of k of the answers is right, k = 1 ... n; a tie is broken by lot.

    Averaged over some ORDERS orders of the answers; exact at 1 and n.
    """
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
    return list((right / tied).mean(axis=0))


def _orders(n: int) -> np.ndarray:
    """Random orders of n, and every rotation of each, so that each answer comes first equally often."""
    random = np.random.default_rng(n)
    shuffled = np.argsort(random.random((max(1, ORDERS // n), n)), axis=1)
    rotations = (np.arange(n)[:, None] + np.arange(n)[None, :]) % n
    return shuffled[:, rotations].reshape(-1, n)


def pass_curve(answers: Sequence[int | None], gold: int) -> list[float]:
    """Chance that one of k is right, k = 1 ... n: 1 - C(n - c, k) / C(n, k) (Chen et al., arXiv 2107.03374)."""
    n, right = len(answers), sum(answer == gold for answer in answers)
    return [1.0 - comb(n - right, k) / comb(n, k) for k in range(1, n + 1)]


def pass_at_1_difference(first: Sequence[Solution], second: Sequence[Solution]) -> Estimate | None:
    """The second's pass@1 less the first's, over the problems that both have; None where there are none."""
    shares = [_pass_at_1(solutions) for solutions in (first, second)]
    common = sorted(shares[0].keys() & shares[1].keys())
    return estimate_mean(np.array([shares[1][id] - shares[0][id] for id in common])) if common else None


def _pass_at_1(solutions: Sequence[Solution]) -> dict[str, float]:
    """By problem, over all its runs."""
    right: dict[str, list[bool]] = {}
    for solution in solutions:
        if solution.problem.gold is not None:
            finished = [t for t in solution.trajectories if t.stop_reason is not StopReason.CANCELLED]
            right.setdefault(solution.problem.id, []).extend(t.answer == solution.problem.gold for t in finished)
    return {id: sum(outcomes) / len(outcomes) for id, outcomes in right.items() if outcomes}


def runs_of(solutions: Sequence[Solution]) -> Runs:
    """Right answers of each whole run."""
    problems = len({solution.problem.id for solution in solutions})
    by_run: dict[int, list[Solution]] = {}
    for solution in solutions:
        by_run.setdefault(solution.run, []).append(solution)
    whole = [done for done in by_run.values() if len(done) == problems]
    return Runs(tuple(sum(bool(solution.correct) for solution in done) for done in whole))


_GROUPINGS: tuple[tuple[str, Callable[[Problem], str | None]], ...] = (
    ("set", lambda problem: problem.set),
    ("level", lambda problem: None if problem.level is None else f"level {problem.level}"),
    ("family", lambda problem: problem.family),
)


def groups(solutions: Sequence[Solution]) -> list[Group]:
    """By set, by level, by family; a grouping into one group, or into a great many, is left out."""
    found: list[Group] = []
    for by, name_of in _GROUPINGS:
        members: dict[str, list[Solution]] = {}
        for solution in solutions:
            members.setdefault(name_of(solution.problem) or "-", []).append(solution)
        if 1 < len(members) <= _FEW:
            found += [Group(by, name, summarise(mine)) for name, mine in sorted(members.items())]
    return found
