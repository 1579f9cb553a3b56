"""Bounds: what no policy can beat on a pool.

- hindsight: knows every stream in advance, gives each problem the least time after which its vote
  is right, and takes the cheapest problems first;
- informed: sees what every policy sees (time, leader, runner-up, unanswered rollouts), knows the
  statistics of the pool, and pays a price per second (a Lagrangian relaxation: min over prices of
  price x time + problems x value(price)). It stops at TIME_STEPS moments only and chooses one width
  per price, so it is a yardstick and not a theorem: in-sample knowledge makes it too high, the
  coarse moments too low;
- majority: every sample votes, with unlimited time.

The informed bound is fitted on the pool it is for, so with few problems it nearly identifies them:
read shares of it on pools of forty problems or more. Ties count as fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from aimo_solver.policies.speed_table import SpeedTable
from aimo_solver.simulation.optimal_stopping import solve_optimal_stopping
from aimo_solver.simulation.pool import Pool
from aimo_solver.simulation.rollout_groups import draw_groups, simulate_groups, widths_up_to
from aimo_solver.simulation.simulated_contest import DrawnProblem

GROUPS_PER_PROBLEM: Final = 500
"""With few groups, a state that occurs once gives away what follows it, and the bound is loose."""
TIME_STEPS: Final = 60
HORIZON_SHARES: Final = 9.0
PRICES: Final = 16
_ANY_SPEED: Final = SpeedTable("any", streams=(1,), tokens_per_second=(1.0,), sources=("a unit",))


def majority_bound(contests: Sequence[Sequence[DrawnProblem]]) -> float:
    """Mean number solved per contest when every sample of the pool votes."""
    known: dict[str, float] = {}
    for one in (one for contest in contests for one in contest):
        if one.problem.id not in known:
            known[one.problem.id] = float(simulate_groups([(one.problem.gold, one.samples)], _ANY_SPEED).right[0, -1])
    return sum(known[one.problem.id] for contest in contests for one in contest) / len(contests)


def hindsight_bound(contests: Sequence[Sequence[DrawnProblem]], speeds: SpeedTable, total_seconds: float) -> float:
    """Mean number solved per contest when every stream is known in advance."""
    flat = [one for contest in contests for one in contest]
    cheapest = np.full(len(flat), np.inf)
    for width in widths_up_to(max(len(one.samples) for one in flat)):
        fitting = [place for place, one in enumerate(flat) if len(one.samples) >= width]
        if fitting:
            groups = simulate_groups([(flat[p].problem.gold, flat[p].samples[:width]) for p in fitting], speeds)
            right = np.where(groups.right >= 0.5, groups.seconds, np.inf).min(axis=1)
            cheapest[fitting] = np.minimum(cheapest[fitting], right)
    costs = np.sort(cheapest.reshape(len(contests), -1), axis=1)
    return float((np.cumsum(costs, axis=1) <= total_seconds).sum(axis=1).mean())


def informed_bound(pool: Pool, *, speeds: SpeedTable, problems: int, total_seconds: float, seed: int = 0) -> float:
    """Mean number solved per contest by the best that can be done when only votes and time are seen."""
    rng = np.random.default_rng(seed)
    share = total_seconds / problems
    prices = np.concatenate(([0.0], np.geomspace(1e-3, 3.0, PRICES) / share))
    moments = np.linspace(0.0, HORIZON_SHARES * share, TIME_STEPS + 1)
    values = np.zeros(len(prices))
    for width in widths_up_to(max(len(problem.samples) for problem in pool.problems)):
        groups = draw_groups(pool, width=width, groups_per_problem=GROUPS_PER_PROBLEM, speeds=speeds, rng=rng)
        values = np.maximum(values, solve_optimal_stopping(groups, prices=prices, moments=moments).values)
    return float((prices * total_seconds + problems * values).min())
