"""Bounds: what no policy can beat."""

from __future__ import annotations

import pytest

from aimo_solver.policies.factory import make_policy
from aimo_solver.policies.speed_table import Workload
from aimo_solver.simulation.bounds import hindsight_bound, informed_bound, majority_bound
from aimo_solver.simulation.pool import Pool
from aimo_solver.simulation.simulated_contest import ProblemOrder, draw_contest, simulate_contest
from tests.helpers.own_settings import own_settings
from tests.helpers.small_pool import EVEN, POOL, SHARED, contest_of, pool_problem


def test_majority_of_all_counts_ties_in_fractions() -> None:
    tied = Pool("tied", (pool_problem((1, 5), (2, 6), id="tied"), pool_problem((1, 5), (1, 9), id="sure")))
    assert majority_bound([contest_of(*tied.problems)]) == pytest.approx(1.5)


def test_hindsight_takes_the_cheapest_first() -> None:
    contests = [contest_of(pool_problem((2, 1), (1, 8), (1, 9)), pool_problem((1, 3), (2, 1)))]
    assert hindsight_bound(contests, EVEN, 2.9) == 0
    assert hindsight_bound(contests, EVEN, 3.0) == 1
    assert hindsight_bound(contests, EVEN, 11.1) == 2


def test_no_policy_beats_the_informed_bound() -> None:
    contests = [draw_contest(POOL, problems=10, order=ProblemOrder.RANDOM, seed=0, index=index) for index in range(20)]
    for total in (100.0, 400.0, 4000.0):
        bound = informed_bound(POOL, speeds=SHARED, problems=10, total_seconds=total)
        for name in ("fixed", "adaptive"):
            policy = make_policy(own_settings(name), Workload(POOL.rollout_tokens, SHARED))
            solved = [
                simulate_contest(one, policy=policy, speeds=SHARED, total_seconds=total).solved for one in contests
            ]
            assert sum(solved) / len(solved) <= bound + 1.0  # Of 10, in 20 contests: the draw's own noise.
