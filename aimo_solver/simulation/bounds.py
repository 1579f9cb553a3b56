"""Bounds: what no policy can beat on a pool.

- hindsight: knows every stream beforehand, gives each problem the least time after which its vote
  is right, and takes the cheapest problems first;
- informed: sees what every policy sees (time, leader, runner-up, unanswered rollouts), knows the
  pool's statistics, and pays a price a second (a Lagrangian relaxation: min over prices of price x
  time + problems x value(price)). It stops at TIME_STEPS moments only, and chooses one width a
  price, so it is a measuring stick and no theorem: in-sample knowledge makes it too high, the
  coarse moments too low;
- majority of all: every sample votes, with unlimited time.

The informed bound is fitted on the pool it is for, so on few problems it nearly identifies them:
read shares of it on pools of some forty problems and more. Ties count in fractions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aimo_solver.policies.speed_table import SpeedTable
from aimo_solver.simulation.contest import ContestProblem
from aimo_solver.simulation.groups import draw_groups, run_groups, widths_for
from aimo_solver.simulation.induction import induce
from aimo_solver.simulation.pool import Pool

GROUPS_A_PROBLEM = 500
"""With few, a state seen once gives away what follows it, and the bound is loose."""
TIME_STEPS = 60
HORIZON_SHARES = 9.0
PRICES = 16


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
    for width in widths_for(max(len(one.samples) for one in flat)):
        fitting = [place for place, one in enumerate(flat) if len(one.samples) >= width]
        if fitting:
            groups = run_groups([(flat[p].problem.gold, flat[p].samples[:width]) for p in fitting], speeds)
            right = np.where(groups.right >= 0.5, groups.seconds, np.inf).min(axis=1)
            cheapest[fitting] = np.minimum(cheapest[fitting], right)
    costs = np.sort(cheapest.reshape(len(contests), -1), axis=1)
    return float((np.cumsum(costs, axis=1) <= total_seconds).sum(axis=1).mean())


def informed(pool: Pool, speeds: SpeedTable, problems: int, total_seconds: float, seed: int = 0) -> float:
    """Mean solved by the best there is to do when votes and time are all that is seen."""
    rng = np.random.default_rng(seed)
    share = total_seconds / problems
    prices = np.concatenate(([0.0], np.geomspace(1e-3, 3.0, PRICES) / share))
    moments = np.linspace(0.0, HORIZON_SHARES * share, TIME_STEPS + 1)
    values = np.zeros(len(prices))
    for width in widths_for(max(len(problem.samples) for problem in pool.problems)):
        groups = draw_groups(pool, width, GROUPS_A_PROBLEM, speeds, rng)
        values = np.maximum(values, induce(groups, prices, moments).values)
    return float((prices * total_seconds + problems * values).min())


_ANY_SPEED = SpeedTable("any", (1,), (1.0,), ("a unit",))
