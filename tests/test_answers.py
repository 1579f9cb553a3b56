"""One extractor: what it reads, what it refuses, and each fault of a peer it does not share."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.answers import extract_answer, last_boxed, parse_integer
from aimo_solver.problem import AIMO1, AIMO2, AIMO3, ANSWER_RULES, ANY_INTEGER, AnswerRule

# A slow machine is no failure.
timeless = settings(deadline=None)

rules = st.sampled_from(list(ANSWER_RULES.values()))
integers = st.integers(-(10**60), 10**60)
prose = st.text(st.characters(exclude_characters="\\{}"))
latex_pieces = st.sampled_from(
    r"\boxed{ \boxed \fbox{ { } ( ) [ ] \{ \} \ \\ $ \frac \sqrt \binom \text{ \left \right".split()
    + r"\cdot ^ _ ! + - – / = , . {,} \, ^\circ % 0 1 7 42 1,024 999999 ٣ ² ① x or \5".split()
    + r"9^{9^{9}} 100000!".split()
)
latex_soup = st.lists(st.one_of(latex_pieces, st.characters()), max_size=80).map("".join)


def with_groups(separator: str, value: int) -> str:
    return f"{value:,}".replace(",", separator)


READ = {
    "42": 42,
    "0": 0,
    "  42\n": 42,
    "016": 16,
    "-17": -17,
    "+17": 17,
    "−17": -17,
    "–17": -17,
    "42.": 42,
    "42.0": 42,
    "$42$": 42,
    r"\(42\)": 42,
    r"\$42": 42,
    "４２": 42,
    "٤٢": 42,
    # thousands
    "1,024": 1024,
    "1{,}024": 1024,
    r"1\,024": 1024,
    r"1,\!024": 1024,
    "12,345,678": 12_345_678,
    # styles and brackets
    r"\text{42}": 42,
    r"\mathbf{42}": 42,
    r"\boxed{42}": 42,
    r"\left( 42 \right)": 42,
    "{42}": 42,
    # units
    r"42^\circ": 42,
    r"42^{\circ}": 42,
    "42°": 42,
    r"42\%": 42,
    r"42\text{ cm}^2": 42,
    r"42\,\mathrm{cm^2}": 42,
    r"42 \text{ units}": 42,
    # arithmetic
    "2^{10}": 1024,
    "2^10": 1024,
    "2^{10} - 1": 1023,
    "-2^2": -4,
    "(-1)^{99999999999}": -1,
    r"\frac{84}{2}": 42,
    r"\dfrac{84}{2}": 42,
    r"\frac{84}2": 42,
    r"\frac42": 2,
    "84/2": 42,
    "5!": 120,
    r"\binom{10}{3}": 120,
    r"\sqrt{49}": 7,
    r"3 \cdot 4": 12,
    r"3 \times 4": 12,
    "7 + 5": 12,
    "100 - 1": 99,
    "7 - 2 - 1": 4,
    r"2 + 3 \cdot 4": 14,
    r"\frac{1}{3} + \frac{2}{3}": 1,
    # names
    "x = 5": 5,
    "m+n=42": 42,
    "a = b = 7": 7,
    "a = 3 + 4 = 7": 7,
    "f(2) = 5": 5,
    r"\angle ABC = 42^\circ": 42,
    r"N \mod 1000 = 24": 24,
}

REFUSED = [
    "",
    " ",
    "-",
    "=",
    "42 =",
    "forty-two",
    "42 (checked 1000 cases)",
    "42 apples",
    "42 unit",
    # more than one value
    "3, 5",
    "3,5",
    "1, 024",
    "1,0245",
    "1234,567",
    "1,024,5678",
    "1 024",
    "(1,2)",
    "(100,200)",
    "[3,5]",
    "[3, 5)",
    r"\{3\}",
    "3–5",
    r"\pm 5",
    "x = 3, y = 5",
    r"x = 3 \text{ or } x = 5",
    r"3 \text{ or } x = 5",
    r"x = 3 \quad y = 5",
    "x = 3 ou x = 5",
    "a = 3 + 5 = 7",
    r"42 \text{ or } 43",
    # other relations
    "x != 5",
    r"x \neq 5",
    "x <= 5",
    r"x \equiv 5 \pmod 7",
    # not an integer
    "3.4",
    ".5",
    "1.2.3",
    r"\frac{1}{3}",
    r"\frac12",
    r"\frac{1}{0}",
    r"\frac{1}{1-1}",
    "0^{-1}",
    "2^{-1}",
    r"\sqrt{2}",
    r"\sqrt{-4}",
    r"\sqrt[3]{27}",
    r"2^{\frac{1}{2}}",
    # not a number
    "x",
    "x^2",
    "2x",
    r"\pi",
    r"42\mathrm{i}",
    r"42\text{ million}",
    r"42\text{ mod }1000",
    "101_2",
    # not sure what
    "1.5e3",
    r"3\frac{1}{2}",
    "2(21)",
    "2^3^2",
    "5!!",
    "(-5)!",
    r"\frac{84}",
    r"\frac",
    "(42",
    "42)",
    "10²",
    r"\5",
]

TOO_LARGE = [
    "9^{9^{9}}",
    "9^9^9",
    "2^{100000}",
    "100000!",
    "400! \\cdot 400!",
    r"\binom{1000000}{500000}",
    "(" * 200 + "1" + ")" * 200,
    r"\sqrt" * 80 + "1",
    "9" * 501,
]


@pytest.mark.parametrize(("latex", "value"), READ.items())
def test_reads(latex: str, value: int) -> None:
    assert parse_integer(latex) == value


@pytest.mark.parametrize("latex", REFUSED)
def test_refuses_what_is_not_one_integer(latex: str) -> None:
    assert parse_integer(latex) is None


@pytest.mark.parametrize("latex", TOO_LARGE, ids=range(len(TOO_LARGE)))
def test_refuses_what_is_too_large_to_compute(latex: str) -> None:
    assert parse_integer(latex) is None


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
        (r"\boxed{}", ""),
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


@pytest.mark.parametrize("last", [r"\boxed{x}", r"\boxed{}", r"\boxed{3, 5}", r"\boxed{3.4}"])
def test_an_unreadable_last_box_withdraws_the_earlier_one(last: str) -> None:
    assert extract_answer(rf"\boxed{{7}}, no: {last}", ANY_INTEGER) is None


@pytest.mark.parametrize(
    "notation",
    [
        "{}",
        "{}.",
        "{}.0",
        "+{}",
        " {}\n",
        "${}$",
        "x = {}",
        r"\text{{{}}}",
        r"\boxed{{{}}}",
        r"\left({}\right)",
        r"{}^\circ",
        r"{}\text{{ cm}}^2",
        r"\frac{{{}}}{{1}}",
        "000{}",
    ],
)
@timeless
@given(value=st.integers(0, 10**60))
def test_a_number_survives_any_notation(notation: str, value: int) -> None:
    assert parse_integer(notation.format(value)) == value


@pytest.mark.parametrize("separator", [",", "{,}", r"\,", r"\ ", r",\!", "\u202f"])
@timeless
@given(value=integers)
def test_a_number_survives_any_grouping_of_thousands(separator: str, value: int) -> None:
    assert parse_integer(with_groups(separator, value)) == value


@pytest.mark.parametrize("minus", "-−－﹣–")
@timeless
@given(value=st.integers(1, 10**60))
def test_a_negative_number_survives_any_minus(minus: str, value: int) -> None:
    assert parse_integer(f"{minus}{value}") == -value


@pytest.mark.parametrize("zero", "0٠०０𝟎")
@timeless
@given(value=st.integers(0, 10**60))
def test_a_number_survives_any_digits(zero: str, value: int) -> None:
    assert parse_integer("".join(chr(ord(zero) + int(d)) for d in str(value))) == value


@timeless
@given(integers, integers)
def test_arithmetic_is_exact(a: int, b: int) -> None:
    assert parse_integer(rf"({a}) \cdot ({b}) - \frac{{{2 * a}}}{{2}}") == a * b - a


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
def test_an_edition_never_wraps_a_negative_number(value: int, rule: AnswerRule) -> None:
    assert extract_answer(rf"\boxed{{{value}}}", rule) is None


@pytest.mark.parametrize(
    "piece", [r"\boxed{", "{", "}", "\\", r"\boxed ", r"\boxed{}", r"\boxed 1/", " ", "(", "1,024"]
)
def test_a_megabyte_of_anything_ends(piece: str) -> None:
    megabyte = piece * (1_000_000 // len(piece))
    assert extract_answer(megabyte, ANY_INTEGER) is None
    assert extract_answer(rf"{megabyte} \boxed{{7}}", ANY_INTEGER) == 7
    assert parse_integer(megabyte) is None


def test_a_megabyte_of_spaces_behind_a_box_ends() -> None:
    assert extract_answer(r"\boxed" + " " * 1_000_000 + "x", ANY_INTEGER) is None


# What peers got wrong; each fault was seen by running their code.


def test_numina_truncates_3_4_to_3() -> None:
    assert extract_answer(r"\boxed{3.4}", AIMO1) is None


def test_numina_drops_2_to_10() -> None:
    assert extract_answer(r"\boxed{2^{10}}", AIMO1) == 24


def test_numina_drops_frac42() -> None:
    assert extract_answer(r"\boxed{\frac42}", AIMO1) == 2


def test_numina_drops_frac12() -> None:
    assert extract_answer(r"\boxed{\frac12 + \frac12}", AIMO1) == 1


def test_imagination_ignores_boxed_zero() -> None:
    assert extract_answer(r"\boxed{0}", AIMO2) == 0


def test_imagination_wraps_minus_5_to_995() -> None:
    assert extract_answer(r"\boxed{-5}", AIMO2) is None


def test_imagination_reads_minus_17_as_17() -> None:
    assert extract_answer(r"\boxed{-17}", ANY_INTEGER) == -17


def test_imagination_reads_42_checked_1000_cases_as_0() -> None:
    assert extract_answer(r"\boxed{42 (checked 1000 cases)}", AIMO2) is None


def test_imagination_drops_1_comma_024() -> None:
    assert extract_answer(r"\boxed{1,024}", AIMO2) == 24


def test_nemo_016_is_not_16() -> None:
    assert extract_answer(r"\boxed{016}", AIMO2) == extract_answer(r"\boxed{16}", AIMO2) == 16


def test_math_verify_fails_on_two_boxes() -> None:
    assert extract_answer(r"\boxed{3}, or rather \boxed{5}", AIMO2) == 5
