"""Estimates and tests: seeded, inside their bounds, and symmetric."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.utils.statistics import RESAMPLES, Estimate, estimate, estimate_mean, mcnemar, resamples


def test_an_estimate_reads_as_mean_and_interval() -> None:
    assert str(Estimate(0.5, 0.25, 0.75)) == "0.500 [0.250, 0.750]"


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20))
def test_an_interval_is_repeated_and_lies_inside_the_values(values: list[float]) -> None:
    found = estimate_mean(values)
    assert found == estimate_mean(values)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


def test_resamples_draw_problems_with_replacement() -> None:
    picks = resamples(3)
    assert picks.shape == (RESAMPLES, 3)
    assert set(picks.ravel().tolist()) == {0, 1, 2}


def test_a_resample_without_a_value_is_left_out() -> None:
    import numpy as np

    assert estimate(1.0, np.array([1.0, np.nan, 1.0])) == Estimate(1.0, 1.0, 1.0)


def test_mcnemar_is_the_sign_test_of_the_pairs_that_differ() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(0, 6) == pytest.approx(2 / 64)
    assert mcnemar(6, 0) == mcnemar(0, 6)
