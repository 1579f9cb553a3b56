"""Divergence of next-token distributions of which only a part is known."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantize.divergence import divergence, mean_divergence

WEIGHTS = st.lists(st.floats(0.01, 1.0), min_size=6, max_size=6)


def distribution(weights: list[float]) -> list[float]:
    return [weight / sum(weights) for weight in weights]


def reported(shares: list[float], tokens: list[int]) -> dict[int, float]:
    return {token: math.log(shares[token]) for token in tokens}


@given(WEIGHTS, WEIGHTS, st.integers(1, 6), st.integers(1, 6))
def test_it_never_exceeds_the_divergence_of_the_full_distributions(
    p: list[float], q: list[float], n: int, m: int
) -> None:
    of_p, of_q = distribution(p), distribution(q)
    whole = sum(one * math.log(one / two) for one, two in zip(of_p, of_q, strict=True))
    part = divergence(reported(of_p, list(range(n))), reported(of_q, list(range(6 - m, 6))))
    assert 0.0 <= part <= whole + 1e-6
    everything = list(range(6))
    assert divergence(reported(of_p, everything), reported(of_q, everything)) == pytest.approx(whole, abs=1e-6)


@given(WEIGHTS)
def test_a_model_does_not_diverge_from_itself(weights: list[float]) -> None:
    row = reported(distribution(weights), [0, 1, 2])
    assert divergence(row, row) == pytest.approx(0.0, abs=1e-9)


def test_the_mean_is_over_positions_of_all_texts() -> None:
    even, sure = {0: math.log(0.5), 1: math.log(0.5)}, {0: math.log(0.75), 1: math.log(0.25)}
    one = divergence(even, sure)
    assert mean_divergence([[even], [even, even]], [[sure], [even, sure]]) == pytest.approx(2 * one / 3)
    assert mean_divergence([], []) is None
