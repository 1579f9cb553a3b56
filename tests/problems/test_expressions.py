"""What LaTeX stands for one integer, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.problems.answers import parse_integer

# A slow machine is no failure.
timeless = settings(deadline=None)

integers = st.integers(-(10**60), 10**60)


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
    "42 = m + n": 42,
    "f(2, 3) = 5": 5,
    # units and words, bare or in \text
    "35 cm": 35,
    "35cm": 35,
    "35 m": 35,
    "35 cm²": 35,
    "35 km/h": 35,
    "35 m/s^2": 35,
    r"35\,\mathrm{km\cdot h^{-1}}": 35,
    "35 square units": 35,
    "35 percent": 35,
    "€35": 35,
    "42 apples": 42,
    "42, as required": 42,
    "42 (cm)": 42,
    r"\text{The total is 42.}": 42,
    r"\text{Answer: } 42": 42,
    r"\text{There are } 42 \text{ such pairs}": 42,
    "The answer is -5": -5,
    "答案：42": 42,
    "42个": 42,
    # letters of a multiple choice
    r"\textbf{(C) } 42": 42,
    r"\textbf{(C)}\ 42": 42,
    r"\text{C. } 42": 42,
    "(C) 42": 42,
    r"42 \text{ (C)}": 42,
    # colours, sizes, emphasis
    r"\color{red}{2}": 2,
    r"\textcolor{red}{\textbf{42}}": 42,
    r"{\color[HTML]{FF0000} 42}": 42,
    r"\fcolorbox{red}{white}{$42$}": 42,
    r"\large 42": 42,
    "**42**": 42,
    "x = `42`": 42,
    "3*4*5": 60,
    # congruences: the least residue
    r"293 \pmod{1000}": 293,
    r"1293 \pmod 1000": 293,
    r"-7 \pmod{1000}": 993,
    "293 (mod 1000)": 293,
    r"42\text{ mod }1000": 42,
    r"N \equiv 293 \pmod{1000}": 293,
    r"N \equiv 1293 \equiv 293 \pmod{10^3}": 293,
    r"x \equiv 5 \pmod 7": 5,
    # conclusions
    r"\frac{m}{n}=\frac{3}{39} \Rightarrow m+n=42": 42,
    "m=3, n=39, so m+n=42": 42,
    r"x = 5 \to 42": 42,
    # sets of one
    r"\{42\}": 42,
    r"S = \left\{ 42 \right\}": 42,
}

REFUSED = [
    "",
    " ",
    "-",
    "=",
    "42 =",
    "forty-two",
    "42 (checked 1000 cases)",
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
    r"\{3, 5\}",
    r"\{1,000\}",
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
    r"x \not\equiv 5 \pmod 7",
    r"\frac{1}{2} \pmod 7",
    r"5 \pmod{n}",
    r"5 \pmod 0",
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
    "101_2",
    # words that make another value of it, or do not lead up to it
    "at least 42",
    "not 42",
    "42 if n is even",
    r"42 \text{ where } m=3",
    "42 million",
    "42 (checked 3 cases)",
    r"\text{3 cases, total is 42}",
    "Answer - 42",
    "Case 2: 42",
    "10 choose 3",
    "log 100",
    # letters that may be variables
    "35m",
    "2 n",
    "2 xy",
    "42 AB",
    # no value, or several
    "(C)",
    r"3 \to 42",
    r"N \equiv 1294 \equiv 293 \pmod{1000}",
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
