"""Confidence of groups of tokens, and the gate that gives rollouts up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.rollouts.confidence import (
    ConfidenceGate,
    RunningGroup,
    bottom_confidence,
    group_confidences,
    lowest_confidence,
    tail_confidence,
)

VALUES = st.lists(st.floats(0, 20), min_size=1, max_size=60)


@given(VALUES, st.integers(1, 80))
def test_groups_are_the_means_of_every_window(values: list[float], window: int) -> None:
    width = min(window, len(values))
    means = [sum(values[start : start + width]) / width for start in range(len(values) - width + 1)]
    assert list(group_confidences(values, window)) == pytest.approx(means)
    assert lowest_confidence(values, window) == pytest.approx(min(means))
    assert tail_confidence(values, window) == pytest.approx(means[-1])
    lowest = sorted(means)[: max(1, math.ceil(0.1 * len(means)))]
    assert bottom_confidence(values, window) == pytest.approx(sum(lowest) / len(lowest))


@given(VALUES, st.integers(1, 10))
def test_the_running_group_is_the_last_window(values: list[float], window: int) -> None:
    group = RunningGroup(window)
    for value in values:
        group.add([value])
    last = None if len(values) < window else sum(values[-window:]) / window
    assert group.confidence == (None if last is None else pytest.approx(last, abs=1e-9))


def test_no_tokens_have_no_confidence() -> None:
    assert (bottom_confidence([]), lowest_confidence([]), tail_confidence([])) == (0.0, 0.0, 0.0)


def test_every_rollout_passes_until_the_gate_is_warm() -> None:
    gate = ConfidenceGate(window_tokens=2, warm_up=4, keep_share=0.75)
    for lowest in (4.0, 1.0, 3.0):
        gate.learn([9.0, 9.0, lowest, lowest])
        assert gate.min_confidence == -math.inf
    gate.learn([2.0, 2.0])
    assert gate.min_confidence == pytest.approx(1.75)  # A quarter of 1, 2, 3, 4 lies below.
    gate.learn([0.0, 0.0])
    assert gate.min_confidence == pytest.approx(1.75)
