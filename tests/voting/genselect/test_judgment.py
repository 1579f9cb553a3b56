"""Judgments: what is read out of a judge's reply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.voting.genselect.judgment import find_judgment


@pytest.mark.parametrize(
    ("reply", "index"),
    [
        ("Judgment: 2", 2),
        ("Judgment: [2]", 2),
        ("**Judgment:** 2", 2),
        ("Judgement: Solution 2.", 2),
        ("Judgment: 2<|im_end|>", 2),
        ("Judgment: $\\boxed 1$, no.\nJudgment: 0", 0),
        ("judgment:\n1", 1),
        ("All in all:\n[2]", 2),
        ("All in all:\n**[2]**<|im_end|>\n", 2),
        ("[1] and [2] differ. Judgment: 0. See [2]", 0),
        ("as in [2] above, it is even", None),
        ("\\[2\\]", None),
        ("Judgment: 1\nOn reflection, Judgment: 3", None),
        ("Judgment: -1", None),
        ("Judgment: 1.5", None),
        ("Judgment: 99999999999999999999", None),
        ("Judgment: IDX", None),
        ("My judgment is that 2 is even", None),
        ("", None),
    ],
)
def test_a_reply_is_read(reply: str, index: int | None) -> None:
    assert find_judgment(reply, 3) == index


@given(st.text() | st.text("Judgment: [012]|<>\n-."), st.integers(0, 16))
def test_reading_never_fails_and_stays_among_the_candidates(reply: str, candidates: int) -> None:
    assert find_judgment(reply, candidates) in {None, *range(candidates)}


@given(st.text(), st.integers(0, 15))
def test_the_last_judgment_wins(reply: str, index: int) -> None:
    assert find_judgment(f"{reply}\nJudgment: {index}", 16) == index


def test_an_endless_number_is_no_judgment() -> None:
    assert find_judgment("Judgment: " + "1" * 100_000, 3) is None
