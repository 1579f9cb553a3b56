"""Expressions: the one exact value that LaTeX arithmetic, or an equation, stands for.

Guarantees: exact, and bounded before it is computed, so that no input hangs, allocates much or
recurses deeply. answers.py, which uses it, documents what it reads and what it does not.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Final

_MAX_CHARACTERS: Final = 500
_MAX_BITS: Final = 4096
_MAX_FACTORIAL: Final = 500
"""500! has 3,768 bits."""
_MAX_DEPTH: Final = 30

_TOKEN: Final = re.compile(
    r"""
      (?P<number> [1-9][0-9]{0,2}
            (?P<separator> ,\\! | , | \{,\} | \\[,;:\ ] | [\u00a0\u2009\u202f] ) [0-9]{3}
            (?: (?P=separator) [0-9]{3} )* (?![0-9]) (?: \.[0-9]+ )?
        | [0-9]+ (?: \.[0-9]+ )? | \.[0-9]+ )
    | (?P<noise> [\s~$\u200b-\u200f\ufeff] | \\[,;:!\ $()\[\]]
        | \\(?: left | right | [bB]igg?[lr]? | displaystyle ) (?![A-Za-z]) )
    | (?P<unit> \^ \s* (?: \\circ (?![A-Za-z]) | \{ \s* \\circ \s* \} ) | \\?% | ° )
    | (?P<token> \\[A-Za-z]+ | \\[^0-9] | [^\W\d_]+ | . )
    """,
    re.X | re.S,
)
_UNIT: Final = "°"
"""The token that every unit becomes."""

_MINUS: Final = str.maketrans(dict.fromkeys("−－﹣", "-"))
_CLOSERS: Final = {"{": "}", "(": ")", "[": "]"}
_TIMES: Final = ("*", r"\cdot", r"\times", "·", "×", "⋅")
_OVER: Final = ("/", r"\div", "÷")
_STYLES: Final = frozenset(
    rf"\{name}" for name in "boxed fbox mathbf mathit mathsf boldsymbol bm bf textbf textit".split()
)
_TEXTS: Final = tuple(rf"\{name}" for name in "text mathrm textrm textnormal mbox".split())
_NOT_UNITS: Final = frozenset(
    "hundred thousand million billion trillion dozen factorial or and mod base pi e i n x y z".split()
)
# What separates two statements: `x = 3, y = 5` is not the 5 after its last `=`.
_SEPARATORS: Final = frozenset(r", ; < > ≠ ≤ ≥ or and \\ \quad \qquad \lor \vee \land \wedge \not \ne \neq".split())


class NotAValueError(Exception):
    """The box holds something other than one number, or a number that is too large."""


def _require(condition: bool) -> None:
    if not condition:
        raise NotAValueError


def evaluate(latex: str) -> Fraction:
    """Returns the value of an expression, or of the last side of an equation. Raises NotAValueError."""
    _require(len(latex) <= _MAX_CHARACTERS)
    return _statement(list(_tokens(latex)))


def _tokens(latex: str) -> Iterator[str]:
    """Yields numbers, commands, words and single characters; spacing and styles are left out."""
    digits = (str(unicodedata.decimal(c)) if c.isdecimal() else c for c in latex)
    for match in _TOKEN.finditer("".join(digits).translate(_MINUS)):
        if (number := match["number"]) is not None:
            # A bare comma stays: in brackets it would make a list.
            separator = match["separator"]
            yield number if separator in (None, ",") else number.replace(separator, "")
        elif match["unit"] is not None:
            yield _UNIT
        elif match["token"] is not None and match["token"] not in _STYLES:
            yield match["token"]


def _statement(tokens: list[str]) -> Fraction:
    """Returns the value of `5`, of `x = 5` or of `a = 3 + 4 = 7.`"""
    if tokens[-1:] == ["."]:
        tokens = tokens[:-1]
    *names, last = _split_at_equals(tokens)
    value = _Expression(last).quantity()
    for name in names:
        # `x != 5` is not an answer; that `n! = 120` looks the same costs little.
        _require(name[-1:] != ["!"] and _SEPARATORS.isdisjoint(name))
    for inner in names[1:]:
        if any(map(_is_number, inner)):
            _require(_Expression(inner).quantity() == value)
    return value


def _split_at_equals(tokens: list[str]) -> list[list[str]]:
    sides: list[list[str]] = [[]]
    for token in tokens:
        if token == "=":
            sides.append([])
        else:
            sides[-1].append(token)
    return sides


def _is_number(token: str) -> bool:
    return token[-1] in "0123456789"


class _Expression:
    r"""A recursive-descent parser of one side of an equation; raises NotAValueError at what it cannot read.

    quantity = sum (unit | remark)*       factor = atom "!"? ("^" atom)?
    sum      = product (("+"|"-") product)*
    product  = signed ((times|over) signed)*
    signed   = ("+"|"-")? factor          atom   = number | "{" sum "}" | command argument+
    """

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def quantity(self) -> Fraction:
        """Returns the value of all the tokens."""
        value = self._sum()
        while self._at < len(self._tokens):
            if not self._take(_UNIT):
                self._remark()
        return value

    def _take(self, *wanted: str) -> str | None:
        """Consumes and returns the next token if it is one of `wanted`."""
        if self._at < len(self._tokens) and self._tokens[self._at] in wanted:
            return self._next()
        return None

    def _next(self) -> str:
        _require(self._at < len(self._tokens))
        self._at += 1
        return self._tokens[self._at - 1]

    def _remark(self) -> None:
        r"""Consumes a remark such as `\text{ cm}^2`."""
        _require(self._next() in _TEXTS and self._next() == "{")
        before = ""
        while (token := self._next()) != "}":
            _require(token.lower() not in _NOT_UNITS)
            _require(before == "^" or not _is_number(token))
            before = token
        if self._take("^"):
            self._atom()

    def _sum(self) -> Fraction:
        value = self._product()
        while sign := self._take("+", "-"):
            term = self._product()
            value = _bounded(value + term if sign == "+" else value - term)
        return value

    def _product(self) -> Fraction:
        value = self._signed()
        while sign := self._take(*_TIMES, *_OVER):
            factor = self._signed()
            value = _bounded(value * factor) if sign in _TIMES else _quotient(value, factor)
        return value

    def _signed(self) -> Fraction:
        # An en dash may be a sign; between two numbers it makes a range: `3–5`.
        negative = self._take("+", "-", "–") in ("-", "–")
        return -self._factor() if negative else self._factor()

    def _factor(self) -> Fraction:
        value = self._atom()
        if self._take("!"):
            value = _factorial(value)
        return _power(value, self._atom()) if self._take("^") else value

    def _atom(self) -> Fraction:
        self._depth += 1
        _require(self._depth <= _MAX_DEPTH)
        token = self._next()
        if token in ("{", "(", "["):
            value = self._bracketed(token)
        elif token in _TEXTS:
            value = self._argument()
        elif token == r"\sqrt":
            value = _square_root(self._argument())
        elif token in _TWO_ARGUMENTS:
            value = _TWO_ARGUMENTS[token](self._argument(), self._argument())
        else:
            _require(_is_number(token))
            value = Fraction(token.replace(",", ""))
        self._depth -= 1
        return value

    def _bracketed(self, opening: str) -> Fraction:
        start = self._at
        value = self._sum()
        _require(self._next() == _CLOSERS[opening])
        has_comma = any("," in token for token in self._tokens[start : self._at])
        _require(opening == "{" or not has_comma)  # `(100,200)` is a pair
        return value

    def _argument(self) -> Fraction:
        r"""Consumes a command's argument: braces, another command, or one digit, as in `\frac42`, which is 4/2."""
        if self._at < len(self._tokens) and self._tokens[self._at].isdecimal():
            number = self._tokens[self._at]
            self._tokens[self._at : self._at + 1] = filter(None, (number[0], number[1:]))
        return self._atom()


def _bounded(value: Fraction) -> Fraction:
    _require(max(value.numerator.bit_length(), value.denominator.bit_length()) <= _MAX_BITS)
    return value


def _quotient(numerator: Fraction, denominator: Fraction) -> Fraction:
    _require(denominator != 0)
    return _bounded(numerator / denominator)


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    _require(exponent.denominator == 1 and (base != 0 or exponent > 0))
    if abs(base) in (0, 1):  # for any exponent
        return base if exponent.numerator % 2 else base * base
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    _require(bits * abs(exponent) <= _MAX_BITS)
    return base**exponent.numerator


def _natural(value: Fraction, maximum: int) -> int:
    _require(value.denominator == 1 and 0 <= value <= maximum)
    return value.numerator


def _factorial(value: Fraction) -> Fraction:
    return Fraction(math.factorial(_natural(value, _MAX_FACTORIAL)))


def _binomial(upper: Fraction, lower: Fraction) -> Fraction:
    # The binomial coefficient is below 2^n.
    return Fraction(math.comb(_natural(upper, _MAX_BITS), _natural(lower, _MAX_BITS)))


def _square_root(value: Fraction) -> Fraction:
    _require(value >= 0)
    root = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
    _require(root * root == value)
    return root


_TWO_ARGUMENTS: Final[dict[str, Callable[[Fraction, Fraction], Fraction]]] = {
    **dict.fromkeys((r"\frac", r"\dfrac", r"\tfrac", r"\cfrac"), _quotient),
    **dict.fromkeys((r"\binom", r"\dbinom", r"\tbinom"), _binomial),
}
