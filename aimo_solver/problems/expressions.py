r"""Expressions: the one exact value that LaTeX arithmetic, or a statement, stands for.

Guarantees: exact, and bounded before it is computed, so that no input hangs, allocates much or
recurses deeply. answers.py, which uses it, documents what it reads and what it does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Final

from aimo_solver.problems.latex_tokens import is_number, is_word, latex_tokens
from aimo_solver.problems.remarks import RemarkError, skip_words_after, skip_words_before

_MAX_CHARACTERS: Final = 500
_MAX_BITS: Final = 4096
_MAX_FACTORIAL: Final = 500
"""500! has 3,768 bits."""
_MAX_DEPTH: Final = 30

_OPENERS: Final = ("{", "(", "[", r"\{", r"\lbrace")
_CLOSERS: Final = {"{": "}", "(": ")", "[": "]"}
_TIMES: Final = ("*", r"\cdot", r"\times", "·", "×", "⋅")
_OVER: Final = ("/", r"\div", "÷")
_EQUALS: Final = ("=", r"\equiv", "≡")
_IMPLIES: Final = frozenset(
    r"\Rightarrow \implies \Longrightarrow \therefore ⇒ ⟹ ∴ 'so 'hence 'thus 'therefore".split()
)
_ARROWS: Final = frozenset(r"\to \rightarrow \longrightarrow → ⟶".split())
_MODULO: Final = frozenset(r"\pmod \bmod \mod 'mod 'modulo".split())
# What separates two statements: `x = 3, y = 5` is not the 5 after its last `=`.
_SEPARATORS: Final = frozenset(
    r"; < > ≠ ≤ ≥ \le \leq \ge \geq \\ \quad \qquad \lor \vee \land \wedge \not \ne \neq \approx ≈ \pm".split()
    + "'or 'and 'ou 'und 'where 'when 'if 'for 'with 'since 'because 'given".split()
)
_NAME_SIGNS: Final = frozenset(r"+ - * / ( ) [ ] { } | _ ^ \cdot \times \mid \vert".split())
_AT_THE_ENDS: Final = frozenset(r". , ; : \quad \qquad \checkmark ✓ ✔ \blacksquare \square \Box ■ □ ∎ \qed".split())
_SET_BRACES: Final = {r"\{": r"\}", r"\lbrace": r"\rbrace"}


class NotAValueError(Exception):
    """The box holds something other than one number, or a number that is too large."""


def _require(condition: bool) -> None:
    if not condition:
        raise NotAValueError


def evaluate(latex: str) -> Fraction:
    """Returns the value of an expression, or of the statement's last side. Raises NotAValueError."""
    _require(len(latex) <= _MAX_CHARACTERS)
    try:
        return _statement(_trimmed(list(latex_tokens(latex))))
    except RemarkError as error:
        raise NotAValueError from error


def _trimmed(tokens: list[str]) -> list[str]:
    """Returns the tokens without what ends a sentence, a proof or a line."""
    while tokens and tokens[-1] in _AT_THE_ENDS:
        tokens = tokens[:-1]
    while tokens and tokens[0] in (r"\quad", r"\qquad"):
        tokens = tokens[1:]
    # `42 ways!` is no factorial.
    return tokens[:-1] if tokens[-1:] == ["!"] and len(tokens) > 1 and is_word(tokens[-2]) else tokens


def _statement(tokens: list[str]) -> Fraction:
    r"""Returns the value of `5`, `x = 5`, `a = 3 + 4 = 7`, `x = 3 \Rightarrow x + 2 = 5`, `x \equiv 5 \pmod 7`."""
    *names, last = _sides(_conclusion(tokens))
    while names and _is_name(last):  # `42 = m + n`
        *names, last = *names, names.pop()
    last, modulus = _split_at_modulo(last)
    value = _value(last)
    if modulus is not None:
        _require(value.denominator == 1)
        value %= modulus
    for name in names:
        # `x != 5` is not an answer; that `n! = 120` looks the same costs little.
        _require(name[-1:] != ["!"] and not _separates(name))
    for inner in names[1:]:
        if any(map(is_number, inner)):
            difference = _value(inner) - value
            _require(difference == 0 if modulus is None else difference % modulus == 0)
    return value


def _conclusion(tokens: list[str]) -> list[str]:
    """Returns what follows the last implication. A mere arrow is one only after an equation: `3 → 5` may be a path."""
    start = 0
    for at, token in enumerate(tokens):
        if token in _IMPLIES or (token in _ARROWS and not {"=", r"\equiv"}.isdisjoint(tokens[start:at])):
            start = at + 1
    return tokens[start:]


def _sides(tokens: list[str]) -> list[list[str]]:
    sides: list[list[str]] = [[]]
    for token in tokens:
        if token in _EQUALS:
            sides.append([])
        else:
            sides[-1].append(token)
    return sides


def _is_name(side: Sequence[str]) -> bool:
    """Whether a side is a formula of variables without any number."""
    return bool(side) and all(token in _NAME_SIGNS or (token.isalpha() and not is_word(token)) for token in side)


def _separates(name: Sequence[str]) -> bool:
    """Whether a side holds a relation or ends another statement; a comma in brackets does not: `f(2, 3) = 5`."""
    depth = 0
    for token in name:
        depth += (token in _OPENERS) - (token in (")", "]", "}", r"\}", r"\rbrace"))
        if token in _SEPARATORS or (token == "," and depth <= 0):
            return True
    return False


def _split_at_modulo(side: list[str]) -> tuple[list[str], int | None]:
    """Returns the side before `mod`, and the modulus; its brackets may be anywhere: `(mod 7)`, `\\text{ mod } 7`."""
    at = next((at for at, token in enumerate(side) if token in _MODULO), None)
    if at is None:
        return side, None
    before, after = side[:at], side[at + 1 :]
    while before and before[-1] in ("(", "{", "["):
        before.pop()
    modulus = _value(_without_unmatched_closers(after))
    _require(modulus.denominator == 1 and modulus >= 1)
    return before, modulus.numerator


def _without_unmatched_closers(tokens: Sequence[str]) -> list[str]:
    kept: list[str] = []
    depth = 0
    for token in tokens:
        if token in (")", "}", "]"):
            if depth == 0:
                continue
            depth -= 1
        depth += token in ("(", "{", "[")
        kept.append(token)
    return kept


def _value(side: list[str]) -> Fraction:
    """Returns the value of one side; a set of one element is that element."""
    if side and _SET_BRACES.get(side[0]) == side[-1]:
        side = side[1:-1]
        _require(not any("," in token for token in side))
    return _Expression(side).whole()


class _Expression:
    r"""A recursive-descent parser of one side of an equation; raises NotAValueError at what it cannot read.

    quantity = words? sum words?          factor = atom "!"? ("^" atom)?
    sum      = product (("+"|"-") product)*
    product  = signed ((times|over) signed)*
    signed   = ("+"|"-")? factor          atom   = number | "{" quantity "}" | command argument+
    """

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> Fraction:
        """Returns the value of all the tokens."""
        value = self._quantity()
        _require(self._at == len(self._tokens))
        return value

    def _quantity(self) -> Fraction:
        self._at = skip_words_before(self._tokens, self._at)
        value = self._sum()
        self._at = skip_words_after(self._tokens, self._at)
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
        if token in _CLOSERS:
            value = self._bracketed(token)
        elif token == r"\sqrt":
            value = _square_root(self._argument())
        elif token in _TWO_ARGUMENTS:
            value = _TWO_ARGUMENTS[token](self._argument(), self._argument())
        else:
            _require(is_number(token))
            value = Fraction(token.replace(",", ""))
        self._depth -= 1
        return value

    def _bracketed(self, opening: str) -> Fraction:
        start = self._at
        value = self._quantity()
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
