"""Answers: which box is read, what the rule accepts, and readings that other extractors get wrong."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.problems.answers import extract_answer, last_boxed, parse_integer
from aimo_solver.problems.problem import ANY_INTEGER, AnswerRule
from tests.helpers.contests import AIMO1, AIMO2, AIMO3

# A slow machine is no failure.
timeless = settings(deadline=None)

rules = st.sampled_from([ANY_INTEGER, AIMO1, AIMO2, AIMO3])
integers = st.integers(-(10**60), 10**60)
prose = st.text(st.characters(exclude_characters="\\{}"))
latex_pieces = st.sampled_from(
    r"\boxed{ \boxed \fbox{ { } ( ) [ ] \{ \} \ \\ $ \frac \sqrt \binom \text{ \left \right".split()
    + r"\cdot ^ _ ! + - – / = , . {,} \, ^\circ % 0 1 7 42 1,024 999999 ٣ ² ① x or \5".split()
    + r"9^{9^{9}} 100000!".split()
)
latex_soup = st.lists(st.one_of(latex_pieces, st.characters()), max_size=80).map("".join)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"so \boxed{5}.", "5"),
        (r"so \fbox{5}.", "5"),
        (r"so \boxed {5}.", "5"),
        (r"so \boxed 42.", "42"),
        (r"so $\boxed5$.", "5"),
        (r"\boxed 3.4", "3.4"),
        (r"\boxed{1} then \boxed{2}", "2"),
        (r"\boxed{\boxed{5}}", r"\boxed{5}"),
        (r"\boxed{\frac{84}{2}}", r"\frac{84}{2}"),
        (r"\boxed{\{5\}}", r"\{5\}"),
        (r"\boxed{5\}}", r"5\}"),
        (r"a \\\boxed{5}", "5"),
        (r"} { \boxed{5}", "5"),
        (r"\framebox[3cm][c]{5}", "5"),
        (r"\\boxed{\\frac{84}{2}}", r"\frac{84}{2}"),
    ],
)
def test_finds_the_box(text: str, content: str) -> None:
    assert last_boxed(text) == content


@pytest.mark.parametrize(
    "text", ["", "42", "the answer is 42.", r"\boxed", r"\boxed{42", r"\boxedness{42}", "boxed{42}"]
)
def test_guesses_no_number_without_a_box(text: str) -> None:
    assert extract_answer(text, ANY_INTEGER) is None


def test_an_unclosed_box_leaves_the_earlier_one_standing() -> None:
    assert extract_answer(r"\boxed{7}. Wait, rather \boxed{8", ANY_INTEGER) == 7


def test_a_box_inside_an_unclosed_one_counts() -> None:
    assert extract_answer(r"\boxed{x \text{ with } \boxed{7}", ANY_INTEGER) == 7


@pytest.mark.parametrize(
    "last", [r"\boxed{3, 5}", r"\boxed{3.4}", r"\boxed{\pi}", r"\boxed{x^2}", r"\boxed{\text{no solution}}"]
)
def test_an_unreadable_last_box_withdraws_the_earlier_one(last: str) -> None:
    assert extract_answer(rf"\boxed{{7}}, no: {last}", ANY_INTEGER) is None


PLACEHOLDERS = [
    *r"\boxed{} \boxed{answer} \boxed{ANSWER} \boxed{...} \boxed{…} \boxed{\ldots} \boxed{?} \boxed{n}".split(),
    *r"\boxed{\frac{m}{n}} \boxed{___} \boxed{\square} \boxed{\text{answer}} \boxed{<answer>} \boxed{{{n}}}".split(),
    *r"\boxed{\boxed{}} \boxed{C} \fbox{} \\boxed{}".split(),
    r"\boxed{ }",
    r"\boxed{m+n}",
    r"\boxed{\text{your final answer here}}",
    r"\boxed{the answer}",
]


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_a_placeholder_withdraws_nothing_and_is_no_answer(placeholder: str) -> None:
    assert extract_answer(rf"So \boxed{{42}}, given as {placeholder}.", ANY_INTEGER) == 42
    assert extract_answer(f"Give it as {placeholder}.", ANY_INTEGER) is None


@pytest.mark.parametrize("name", ["boxed", "fbox", "framebox", r"\boxed", r"\framebox"])
def test_every_spelling_of_a_box_is_read(name: str) -> None:
    assert extract_answer(rf"So \{name}{{42}}.", ANY_INTEGER) == 42


@pytest.mark.parametrize("content", [r"The area is \boxed{800}", r"\text{Area } \boxed{800}", r"\fbox{800}"])
def test_an_inner_box_that_alone_holds_a_number_counts(content: str) -> None:
    assert extract_answer(rf"\boxed{{{content}}}", ANY_INTEGER) == 800
    assert extract_answer(rf"\boxed{{3 \text{{ or }} {content}}}", ANY_INTEGER) is None


@timeless
@given(
    value=integers,
    decoration=st.sampled_from(
        [
            r"\text{{{}}}",
            r"\text{{The total is {}.}}",
            r"\textbf{{(C) }} {}",
            r"{} \text{{ cm}}^2",
            "{} apples",
            r"\color{{red}}{{{}}}",
            r"\{{{}\}}",
            r"n = {}",
            r"x = 3 \Rightarrow n = {}",
            "**{}**",
            r"\boxed{{{}}}",
            "The answer is {}",
        ]
    ),
)
def test_every_integer_is_read_under_any_decoration(value: int, decoration: str) -> None:
    assert extract_answer(rf"\boxed{{{decoration.format(value)}}}", ANY_INTEGER) == value


@timeless
@given(value=integers, modulus=st.integers(1, 10**9))
def test_a_congruence_is_its_least_residue(value: int, modulus: int) -> None:
    assert extract_answer(rf"\boxed{{{value} \pmod{{{modulus}}}}}", ANY_INTEGER) == value % modulus


@timeless
@given(before=prose, value=integers, after=prose)
def test_a_box_is_found_inside_any_prose(before: str, value: int, after: str) -> None:
    assert extract_answer(rf"{before}\boxed{{{value}}}{after}", ANY_INTEGER) == value


@timeless
@given(st.lists(integers, min_size=1), prose)
def test_the_last_box_wins(values: list[int], between: str) -> None:
    text = between.join(rf"\boxed{{{value}}}" for value in values)
    assert extract_answer(text, ANY_INTEGER) == values[-1]


@timeless
@given(st.one_of(st.text(), latex_soup), rules)
def test_no_text_raises(text: str, rule: AnswerRule) -> None:
    extract_answer(text, rule)
    parse_integer(text)


@timeless
@given(latex_soup)
def test_any_answer_can_be_printed(text: str) -> None:
    assert len(str(parse_integer(text))) < 1300


@timeless
@given(integers, rules)
def test_an_answer_lies_within_the_rule(value: int, rule: AnswerRule) -> None:
    answer = extract_answer(rf"\boxed{{{value}}}", rule)
    assert answer is None or answer == rule.apply(answer)


@timeless
@given(st.integers(0, 10**60), st.sampled_from([AIMO1, AIMO2]))
def test_a_modulus_reduces_what_is_too_large(value: int, rule: AnswerRule) -> None:
    assert extract_answer(rf"\boxed{{{value}}}", rule) == value % 1000


@timeless
@given(st.integers(100_000))
def test_without_a_modulus_what_is_too_large_is_no_answer(value: int) -> None:
    assert extract_answer(rf"\boxed{{{value}}}", AIMO3) is None


@timeless
@given(st.integers(max_value=-1), st.sampled_from([AIMO1, AIMO2, AIMO3]))
def test_a_contest_never_wraps_a_negative_number(value: int, rule: AnswerRule) -> None:
    assert extract_answer(rf"\boxed{{{value}}}", rule) is None


@pytest.mark.parametrize(
    "piece", [r"\boxed{", "{", "}", "\\", r"\boxed ", r"\boxed{}", r"\boxed 1/", " ", "(", "1,024"]
)
def test_a_megabyte_of_anything_ends(piece: str) -> None:
    megabyte = piece * (1_000_000 // len(piece))
    assert extract_answer(megabyte, ANY_INTEGER) is None
    assert extract_answer(rf"{megabyte} \boxed{{7}}", ANY_INTEGER) == 7
    assert parse_integer(megabyte) is None


def test_a_megabyte_of_spaces_after_a_box_ends() -> None:
    assert extract_answer(r"\boxed" + " " * 1_000_000 + "x", ANY_INTEGER) is None


# Readings that published extractors get wrong


def test_a_decimal_is_not_truncated() -> None:
    assert extract_answer(r"\boxed{3.4}", AIMO1) is None


def test_a_power_is_computed_before_it_is_reduced() -> None:
    assert extract_answer(r"\boxed{2^{10}}", AIMO1) == 24


def test_a_fraction_without_braces_takes_one_digit_each() -> None:
    assert extract_answer(r"\boxed{\frac42}", AIMO1) == 2


def test_fractions_without_braces_add_up() -> None:
    assert extract_answer(r"\boxed{\frac12 + \frac12}", AIMO1) == 1


def test_zero_is_an_answer() -> None:
    assert extract_answer(r"\boxed{0}", AIMO2) == 0


def test_minus_five_is_not_wrapped_to_995() -> None:
    assert extract_answer(r"\boxed{-5}", AIMO2) is None


def test_a_minus_sign_counts() -> None:
    assert extract_answer(r"\boxed{-17}", ANY_INTEGER) == -17


def test_digits_of_a_remark_do_not_join_the_answer() -> None:
    assert extract_answer(r"\boxed{42 (checked 1000 cases)}", AIMO2) is None


def test_grouped_thousands_are_read_before_they_are_reduced() -> None:
    assert extract_answer(r"\boxed{1,024}", AIMO2) == 24


def test_leading_zeros_do_not_count() -> None:
    assert extract_answer(r"\boxed{016}", AIMO2) == extract_answer(r"\boxed{16}", AIMO2) == 16


def test_of_two_boxes_the_last_counts() -> None:
    assert extract_answer(r"\boxed{3}, or rather \boxed{5}", AIMO2) == 5
