"""The time account: what is left, shared and saved."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.errors import InputError
from aimo_solver.policies.ledger import Ledger, Spend

seconds = st.floats(0, 1e6)


def test_loading_and_reserve_come_out_of_the_one_limit() -> None:
    ledger = Ledger(started_at=1000.0, total_seconds=600.0, reserve_seconds=30.0)
    assert ledger.ends_at == 1570.0
    assert ledger.left_seconds(now=1100.0) == 470.0


def test_a_share_is_equal_for_every_problem_to_come() -> None:
    assert Ledger(0.0, 100.0, problems_left=4).share_seconds(20.0) == 20.0


def test_an_unknown_number_of_problems_shares_nothing() -> None:
    assert Ledger(0.0, 100.0).share_seconds(20.0) == 80.0


def test_charging_a_problem_subtracts_it_from_those_left() -> None:
    ledger = Ledger(0.0, 100.0, problems_left=2).charge(Spend(1, 30.0)).charge(Spend(1, 5.0))
    assert (ledger.problems_left, ledger.spent) == (0, Spend(2, 35.0))


def test_charging_leaves_the_old_ledger_as_it_was() -> None:
    before = Ledger(0.0, 100.0, problems_left=2)
    before.charge(Spend(1, 30.0))
    assert before == Ledger(0.0, 100.0, problems_left=2)


def test_more_problems_than_expected_is_no_error() -> None:
    assert Ledger(0.0, 100.0, problems_left=1).charge(Spend(1, 1.0)).charge(Spend(1, 1.0)).problems_left == 0


def test_a_planned_share_is_of_the_whole_limit() -> None:
    ledger = Ledger(0.0, 110.0, reserve_seconds=10.0, problems_left=4)
    assert ledger.planned_share_seconds() == ledger.charge(Spend(1, 90.0)).planned_share_seconds() == 25.0


def test_saved_is_what_the_finished_problems_left_of_their_base() -> None:
    assert Ledger(0.0, 1000.0).charge(Spend(1, 100.0)).charge(Spend(1, 300.0)).saved_seconds(350.0) == 300.0


def test_a_problem_over_its_base_draws_from_the_savings() -> None:
    assert Ledger(0.0, 1000.0).charge(Spend(1, 100.0)).charge(Spend(1, 500.0)).saved_seconds(350.0) == 100.0


@given(total=st.floats(1, 1e6), started_at=st.floats(-1e6, 1e6), now=st.floats(-1e6, 1e9), spent=st.lists(seconds))
def test_nothing_is_ever_negative(total: float, started_at: float, now: float, spent: list[float]) -> None:
    ledger = Ledger(started_at, total, problems_left=3)
    for took in spent:
        ledger = ledger.charge(Spend(1, took))
    assert min(ledger.left_seconds(now), ledger.share_seconds(now), ledger.saved_seconds(350.0)) >= 0


@given(st.floats(1, 1e6), seconds, seconds)
def test_what_is_left_only_falls(total: float, now: float, later: float) -> None:
    ledger = Ledger(0.0, total)
    assert ledger.left_seconds(now + later) <= ledger.left_seconds(now) <= total


@pytest.mark.parametrize("total", [0.0, -1.0, math.nan])
def test_a_limit_that_is_not_positive_is_refused(total: float) -> None:
    with pytest.raises(InputError, match="total_seconds must be positive"):
        Ledger(0.0, total)


@pytest.mark.parametrize("reserve", [-1.0, 60.0, 90.0, math.nan])
def test_a_reserve_that_leaves_no_time_is_refused(reserve: float) -> None:
    with pytest.raises(InputError, match="reserve_seconds must be in"):
        Ledger(0.0, 60.0, reserve_seconds=reserve)
