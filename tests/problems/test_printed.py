"""Numbers in a program's output."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.problems.answers import read_printed_integer
from aimo_solver.problems.printed import printed_integers
from aimo_solver.problems.problem import ANY_INTEGER
from tests.helpers.contests import AIMO1, AIMO3

PRINTED = {
    "17": 17,
    "n = 17\n": 17,
    "np.int64(17)": 17,
    "[np.int64(3), np.int64(17)]": 17,
    "Integer(17)": 17,
    "[3, 17]": 17,
    "17.0": 17,
    "-17": -17,
    "12,345": 12_345,
    "f(3) = 17": 17,
    "x2 is 17.": 17,
    "3.14": None,
    "17/3": None,
    "Fraction(17, 3)": None,
    "sqrt(17)": None,
    "17*x": None,
    "2**17": None,
    "1e5": None,
    "2j": None,
    "0x11": None,
    "17 3.5": None,
    "int64": None,
    "True": None,
    "": None,
}


@pytest.mark.parametrize(("output", "value"), PRINTED.items())
def test_the_last_printed_number_is_read(output: str, value: int | None) -> None:
    assert read_printed_integer(output, ANY_INTEGER) == value


def test_all_integers_of_an_output_are_found() -> None:
    assert printed_integers("3 of np.int64(17), 3.14, 12,345", ANY_INTEGER) == {3, 17, 12_345}


def test_the_rule_is_applied_to_what_was_printed() -> None:
    assert read_printed_integer("12345", AIMO1) == 345
    assert read_printed_integer("123456", AIMO3) is None
    assert read_printed_integer("-5", AIMO1) is None


def test_very_long_integers_never_raise() -> None:
    digits = "7" * 100_000
    assert read_printed_integer(digits, ANY_INTEGER) is None
    assert read_printed_integer(digits, AIMO1) == 777


@settings(deadline=None)
@given(st.integers(-(10**60), 10**60))
def test_any_printed_integer_is_read(value: int) -> None:
    assert read_printed_integer(f"n = {value}", ANY_INTEGER) == value
    assert read_printed_integer(f"np.int64({value})", ANY_INTEGER) == value


@settings(deadline=None)
@given(st.text("0123456789.,-+/*()eEjx_ npit64\n"))
def test_no_output_raises(output: str) -> None:
    printed_integers(output, AIMO1)


@pytest.mark.parametrize("piece", ["1", "1,", "1.", "a(", "Fraction(", "-", "1 "])
def test_a_long_output_ends(piece: str) -> None:
    printed_integers(piece * (300_000 // len(piece)), AIMO1)
