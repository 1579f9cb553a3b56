"""Studies: policies compared over paired contests."""

from __future__ import annotations

import pytest

from aimo_solver.errors import InputError
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.simulation.study import StudyPlan, run_study
from tests.helpers.small_pool import POOL, SHARED


def test_a_study_compares_every_policy_with_the_first() -> None:
    plan = StudyPlan(
        pool=POOL,
        speeds=SHARED,
        policies=("fixed", "adaptive", "table"),
        budgets_seconds=(300.0,),
        contests=12,
        problems=6,
    )
    simulated: list[int] = []
    fixed, adaptive, _ = run_study(plan, simulated.append)
    assert sum(simulated) == 36
    assert (fixed.vs_first.difference, fixed.vs_first.se) == (0.0, 0.0)
    assert adaptive.vs_first.difference == pytest.approx(adaptive.solved_mean - fixed.solved_mean)
    assert fixed.bound == adaptive.bound
    assert 0 <= adaptive.worst_5_percent <= adaptive.solved_mean <= 6


def test_absolute_seconds_are_scaled_to_the_budget() -> None:
    plan = StudyPlan(pool=POOL, speeds=SHARED, policies=("nemoskills",), budgets_seconds=(300.0,), problems=6)
    policy = plan.policy("nemoskills", 300.0)
    assert isinstance(policy, NemoSkillsPolicy)
    assert policy.settings.base_seconds == pytest.approx(350.0 * 50.0 / 360.0)


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_that_is_not_positive_and_finite_is_refused(budget: float) -> None:
    with pytest.raises(InputError, match="budget-seconds must be positive"):
        StudyPlan(pool=POOL, speeds=SHARED, policies=("fixed",), budgets_seconds=(budget,))


def test_an_unknown_policy_is_refused_before_anything_is_simulated() -> None:
    with pytest.raises(InputError, match="policy must be one of"):
        StudyPlan(pool=POOL, speeds=SHARED, policies=("greedy",), budgets_seconds=(300.0,))
