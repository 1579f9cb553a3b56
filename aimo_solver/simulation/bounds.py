"""Bounds: what no policy can beat on a pool.

- hindsight: knows every stream beforehand, gives each problem the least time after which its vote
  is right, and takes the cheapest problems first;
- informed: sees what every policy sees (time, leader, runner-up, unanswered rollouts), knows the
  pool's statistics, and pays a price a second. It bounds every such policy on the average of
  contests (a Lagrangian relaxation: min over prices of price x time + problems x value(price));
- majority of all: every sample votes, with unlimited time.

The informed bound is fitted on the pool it is for, so on few problems it nearly identifies them:
read shares of it on pools of some forty problems and more. Ties count in fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimo_solver.pool import Pool, Sample
from aimo_solver.simulation.contest import ContestProblem
from aimo_solver.workload import SpeedTable

WIDTHS = (2, 3, 4, 6, 8, 10, 12, 16)
GROUPS_A_PROBLEM = 500
"""With few, a state seen once gives away what follows it, and the bound is loose."""
TIME_STEPS = 60
HORIZON_SHARES = 9.0
PRICES = 16

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Groups:
    """Many groups of rollouts side by side, watched at each finish. Arrays of shape (groups, width)."""

    seconds: Floats
    leader: Integers
    runner_up: Integers
    answered: Integers
    right: Floats
    """The share of the leading answers that is right: 1, 0, or a fraction in a tie."""


def run_groups(groups: Sequence[tuple[int, Sequence[Sample]]], speeds: SpeedTable) -> Groups:
    """Groups of equally many samples, each with its gold answer, all begun at once."""
    codes, tokens = _coded(groups)
    order = np.argsort(tokens, axis=1, kind="stable")
    codes, tokens = np.take_along_axis(codes, order, 1), np.take_along_axis(tokens, order, 1)
    count, width = tokens.shape
    token_seconds = np.array([speeds.token_seconds(width - place) for place in range(width)])
    seconds = np.cumsum(np.diff(tokens, axis=1, prepend=0.0) * token_seconds, axis=1)
    votes = np.zeros((count, int(codes.max(initial=0)) + 2), dtype=np.int64)
    leader, runner_up, answered = (np.zeros((count, width), dtype=np.int64) for _ in range(3))
    right = np.zeros((count, width))
    rows = np.arange(count)
    for place in range(width):
        voted = codes[:, place] >= 0
        votes[rows[voted], codes[voted, place]] += 1
        best = votes.max(axis=1)
        top_two = np.partition(votes, -2, axis=1)[:, -2]
        leader[:, place], runner_up[:, place], answered[:, place] = best, top_two, votes.sum(axis=1)
        leads = (votes == best[:, None]) & (best[:, None] > 0)
        right[:, place] = leads[:, 0] / np.maximum(1, leads.sum(axis=1))
    return Groups(seconds, leader, runner_up, answered, right)


def _coded(groups: Sequence[tuple[int, Sequence[Sample]]]) -> tuple[Integers, Floats]:
    """Answers as small integers, 0 the gold one, -1 none; and tokens."""
    codes, tokens = [], []
    for gold, samples in groups:
        names = {gold: 0}
        codes.append([-1 if s.answer is None else names.setdefault(s.answer, len(names)) for s in samples])
        tokens.append([s.tokens for s in samples])
    return np.array(codes, dtype=np.int64), np.array(tokens, dtype=np.float64)


def majority_all(contests: Sequence[Sequence[ContestProblem]]) -> float:
    """Mean solved when every sample of the pool votes."""
    known: dict[str, float] = {}
    for one in (one for contest in contests for one in contest):
        if one.problem.id not in known:
            known[one.problem.id] = float(run_groups([(one.problem.gold, one.samples)], _ANY_SPEED).right[0, -1])
    return sum(known[one.problem.id] for contest in contests for one in contest) / len(contests)


def hindsight(contests: Sequence[Sequence[ContestProblem]], speeds: SpeedTable, total_seconds: float) -> float:
    """Mean solved by one who knows every stream."""
    flat = [one for contest in contests for one in contest]
    cheapest = np.full(len(flat), np.inf)
    for width in WIDTHS:
        fitting = [place for place, one in enumerate(flat) if len(one.samples) >= width]
        if fitting:
            groups = run_groups([(flat[p].problem.gold, flat[p].samples[:width]) for p in fitting], speeds)
            right = np.where(groups.right >= 0.5, groups.seconds, np.inf).min(axis=1)
            cheapest[fitting] = np.minimum(cheapest[fitting], right)
    costs = np.sort(cheapest.reshape(len(contests), -1), axis=1)
    return float((np.cumsum(costs, axis=1) <= total_seconds).sum(axis=1).mean())


def informed(pool: Pool, speeds: SpeedTable, problems: int, total_seconds: float, seed: int = 0) -> float:
    """Mean solved that no policy exceeds which sees votes and time only."""
    rng = np.random.default_rng(seed)
    share = total_seconds / problems
    prices = np.concatenate(([0.0], np.geomspace(1e-3, 3.0, PRICES) / share))
    values = np.zeros(len(prices))
    for width in WIDTHS:
        # A problem with fewer samples gets them all, as a policy does.
        by_width: dict[int, list[tuple[int, list[Sample]]]] = {}
        for problem in pool.problems:
            used = min(width, len(problem.samples))
            for _ in range(GROUPS_A_PROBLEM):
                drawn = [problem.samples[i] for i in rng.permutation(len(problem.samples))[:used]]
                by_width.setdefault(used, []).append((problem.gold, drawn))
        groups = [run_groups(drawn, speeds) for drawn in by_width.values()]
        values = np.maximum(values, _values(groups, prices, share))
    return float((prices * total_seconds + problems * values).min())


def _values(groups: Sequence[Groups], prices: Floats, share: float) -> Floats:
    """What one problem is worth at each price: backward induction over the states seen."""
    step = HORIZON_SHARES * share / TIME_STEPS
    moments = np.linspace(0.0, HORIZON_SHARES * share, TIME_STEPS + 1)
    seen = [_states(some, moments) for some in groups]
    names, right = np.concatenate([states for states, _ in seen]), np.concatenate([rightness for _, rightness in seen])
    numbers, places = np.unique(names, return_inverse=True)
    places = places.reshape(names.shape)
    value = np.zeros((len(prices), len(numbers)))
    for moment in range(TIME_STEPS, -1, -1):
        at = places[:, moment]
        order = np.argsort(at, kind="stable")
        here, firsts, counts = np.unique(at[order], return_index=True, return_counts=True)
        best = np.add.reduceat(right[order, moment], firsts) / counts
        if moment < TIME_STEPS:
            following = value[:, places[order, moment + 1]]
            go_on = np.add.reduceat(following, firsts, axis=1) / counts
            best = np.maximum(best, go_on - prices[:, None] * step)
        value[:, here] = best
    return value[:, places[0, 0]]


def _states(groups: Groups, moments: Floats) -> tuple[Integers, Floats]:
    """Each group's state (leader, runner-up, answered) and the rightness of its vote, at each moment."""
    finished = (groups.seconds[:, :, None] <= moments).sum(axis=1)
    rows, last = np.arange(len(finished))[:, None], np.maximum(finished - 1, 0)
    names = (groups.leader * _BASE + groups.runner_up) * _BASE + groups.answered
    states = np.where(finished > 0, 1 + names[rows, last], 0)
    return states, np.where(finished > 0, groups.right[rows, last], 0.0)


_BASE = max(WIDTHS) + 1
_ANY_SPEED = SpeedTable("any", (1,), (1.0,), ("a unit",))
