"""Printed numbers: what a program's output says, read as answers are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.problems.problem import ANY_INTEGER, AnswerRule
from aimo_solver.voting.printed_numbers import printed_answers

MODULUS = AnswerRule("modulus", minimum=0, modulus=1000)


@pytest.mark.parametrize(
    ("output", "answers"),
    [
        ("np.int64(17)", {17}),
        ("3.14", set()),
        ("12,345", {12345}),
        ("5.0", {5}),
        ("17/2", set()),
        ("1e3", set()),
        ("the sum is -5.", {-5}),
        ("x=-7; y=8", {-7, 8}),
        ("[1, 2, 3]", {1, 2, 3}),
        ("{4: np.float64(2.5)}", {4}),
        ("v2 abc12 0x1F", set()),
        ("6 times 7 is 42", {6, 7, 42}),
        ("9" * 5000, set()),
        ("", set()),
    ],
)
def test_numbers_are_read_whole(output: str, answers: set[int]) -> None:
    assert printed_answers(output, ANY_INTEGER) == answers


def test_the_contests_rule_holds_for_what_is_printed() -> None:
    assert printed_answers("12345 -5", MODULUS) == {345}


def test_of_a_long_output_the_end_is_read() -> None:
    assert 42 in printed_answers("1 " * 100_000 + "42", ANY_INTEGER)


@given(
    st.integers(-(10**30), 10**30), st.sampled_from(["{}", "{}.0", "x = {}", "({}, )", "np.int64({})", "answer: {}!"])
)
def test_every_integer_is_found_as_it_is_printed(value: int, form: str) -> None:
    assert value in printed_answers(form.format(value), ANY_INTEGER)


@given(st.text(alphabet="0123456789.,-+eE/_ x()[]int\n", max_size=60))
def test_whatever_is_printed_never_raises(output: str) -> None:
    assert all(isinstance(answer, int) for answer in printed_answers(output, MODULUS))
