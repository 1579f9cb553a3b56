"""Counts with their nouns."""

from __future__ import annotations

import pytest

from aimo_solver.utils.text import plural


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 rollouts"), (1, "1 rollout"), (2, "2 rollouts"), (1200, "1,200 rollouts")]
)
def test_a_noun_agrees_with_its_count(count: int, text: str) -> None:
    assert plural(count, "rollout") == text
