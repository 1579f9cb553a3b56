"""Simulated contests: paired, within the limit, and played with the samples that the pool has."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.config.names import PolicyName
from aimo_solver.config.policy_settings import FixedSettings
from aimo_solver.policies.factory import make_policy
from aimo_solver.policies.fixed import FixedPolicy
from aimo_solver.policies.policy import Policy
from aimo_solver.policies.speed_table import SpeedTable, Workload
from aimo_solver.simulation.simulated_contest import (
    ContestOutcome,
    DrawnProblem,
    ProblemOrder,
    draw_contest,
    simulate_contest,
)
from tests.helpers.own_settings import own_settings
from tests.helpers.small_pool import EVEN, POOL, SHARED, contest_of, pool_problem


def drawn(problems: int, index: int = 0, seed: int = 0) -> tuple[DrawnProblem, ...]:
    return draw_contest(POOL, problems=problems, order=ProblemOrder.RANDOM, seed=seed, index=index)


def outcome(
    contest: Sequence[DrawnProblem], policy: Policy, total_seconds: float, speeds: SpeedTable = EVEN
) -> ContestOutcome:
    return simulate_contest(contest, policy=policy, speeds=speeds, total_seconds=total_seconds)


def test_a_contest_is_the_same_for_every_policy() -> None:
    assert drawn(5, index=3) == drawn(5, index=3)
    assert drawn(9, index=3) != drawn(9, index=4)


def test_the_order_of_the_file_is_kept() -> None:
    contest = draw_contest(POOL, problems=4, order=ProblemOrder.FILE, seed=0, index=0)
    assert [one.problem.id for one in contest] == ["easy", "middle", "lost", "easy"]


def test_samples_are_drawn_without_replacement() -> None:
    for one in drawn(20):
        assert sorted(one.samples, key=repr) == sorted(one.problem.samples, key=repr)


def test_a_rollout_cut_by_its_deadline_gives_no_answer() -> None:
    slow = contest_of(pool_problem((1, 5), (2, 3), (1, 50)))
    assert not outcome(slow, FixedPolicy(FixedSettings(rollouts=3, concurrent=3)), 4.0).solved
    # In the tie at 5 s, the rollout with the lowest index wins.
    assert outcome(slow, FixedPolicy(FixedSettings(rollouts=3, concurrent=3)), 6.0).solved


def test_no_policy_gets_more_rollouts_than_the_pool_has_samples() -> None:
    assert outcome(
        contest_of(pool_problem((1, 5), (1, 6))), FixedPolicy(FixedSettings(rollouts=48, concurrent=48)), 100.0
    ).solved


def test_when_time_runs_out_problems_stay_unasked() -> None:
    greedy = make_policy(own_settings("imagination", {"cap_seconds": 10.0}))
    lost = pool_problem(*[(None, 1000)] * 4)
    result = outcome(contest_of(lost, lost, lost), greedy, 15.0)
    assert (result.unasked, result.seconds) == (1, pytest.approx(15.0, abs=0.1))


@pytest.mark.parametrize("name", [name for name in PolicyName if name is not PolicyName.TABLE])  # It needs a file.
@given(seed=st.integers(0, 10_000), share=st.floats(1.0, 200.0))
@settings(max_examples=10, deadline=None)
def test_no_policy_exceeds_the_limit(name: str, seed: int, share: float) -> None:
    policy = make_policy(own_settings(name), Workload(POOL.rollout_tokens, SHARED))
    result = outcome(drawn(6, seed=seed), policy, 6 * share, SHARED)
    assert result.seconds <= 6 * share * (1 + 1e-6)
    assert len(result.problems) == 6
