r"""Remarks: the words before and after a value, as in `\text{The area is } 35 \text{ cm}^2`.

Words may stand around a value as long as they leave it what it is. Before it they must lead up to it: they end with
a colon, or with a word such as "is" or "answer". No remark holds a number, apart from a unit's exponent, or a word
that makes another value of it: "42 million", "at least 42", "42 or more", "42 if n is even" are not 42. Linear, as
brackets in a remark are not parsed but only matched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aimo_solver.problems.latex_tokens import UNIT, UNIT_LETTERS, is_number, is_word

_DENIES: Final = frozenset(
    "not no nor neither never either but except if unless suppose than least most more less fewer over under above"
    " below about approximately approx around roughly nearly almost close near within exceeds wrong incorrect false"
    " none impossible undefined infinite infinitely".split()
)
_MAKES_ANOTHER_VALUE: Final = _DENIES | frozenset(
    "hundred thousand million billion trillion dozen half twice double triple quarter third or and other another when"
    " whenever where otherwise between up down greater larger smaller factorial mod modulo base choose times plus minus"
    " divided squared cubed root power sqrt log ln exp sin cos tan cot gcd lcm max det floor ceil pi infinity"
    " i e n x y z ou und oder et y о или и 万 亿 百 千 十 或 和 半".split()
)
_LEADS_UP: Final = frozenset(
    "is are was were be equals equal answer total value result sum count number gives give get gets have has yields"
    " exactly only just need obtain obtained become becomes makes choice option therefore thus hence so namely contains"
    " there :".split()
)
_LEADS_UP_AFTER: Final = {
    "to": frozenset("equal equals comes simplifies evaluates sums reduces amounts adds".split()),
    "of": frozenset("answer total value result sum count number".split()),
}
_LEADS_UP_TO_A_SIGN: Final = frozenset("is are was were be equals to :".split())
_SIGNS: Final = ("-", "–", "+")
_PUNCTUATION: Final = frozenset(r", . : ; ' ’ ! \quad \qquad \checkmark ✓".split())
_PRODUCTS: Final = frozenset(r"/ * · ⋅ \cdot \times".split())
_BRACKETS: Final = {"(": ")", "[": "]", "{": "}"}


class RemarkError(Exception):
    """The words change the value, or do not lead up to it."""


def skip_words_before(tokens: Sequence[str], at: int) -> int:
    """Returns where the value begins. Raises RemarkError."""
    end = _skip(tokens, at, _DENIES)
    said = ["", *(token.removeprefix("'") for token in tokens[at:end] if is_word(token) or token == ":")]
    if len(said) == 1:
        return end
    before, last = said[-2:]
    has_sign = end < len(tokens) and tokens[end] in _SIGNS
    if last not in _LEADS_UP and last[-1] not in "是为" and before not in _LEADS_UP_AFTER.get(last, ()):
        raise RemarkError
    if has_sign and last not in _LEADS_UP_TO_A_SIGN:  # `Answer - 42`
        raise RemarkError
    return end


def skip_words_after(tokens: Sequence[str], at: int) -> int:
    """Returns where the words and units after a value end. Raises RemarkError."""
    return _skip(tokens, at, _MAKES_ANOTHER_VALUE)


def _skip(tokens: Sequence[str], at: int, forbidden: frozenset[str]) -> int:
    """Returns where the words from `at` on end."""
    start = at
    while at < len(tokens):
        token = tokens[at]
        if token in _BRACKETS:
            end = _end_of_words(tokens, at)
            if end is None:
                break
            _check(tokens[at:end], forbidden)
            at = end
        elif _is_wordy(tokens, at, begun=at > start):
            _check((token,), forbidden)
            at += 1
        else:
            break
    return at


def _check(tokens: Sequence[str], forbidden: frozenset[str]) -> None:
    if any(is_word(token) and token[1:].rstrip("²³") in forbidden for token in tokens):
        raise RemarkError


def _end_of_words(tokens: Sequence[str], at: int) -> int | None:
    """Returns where the brackets that open at `at` are closed again; None unless there are only words in them."""
    open_brackets: list[str] = []
    for end in range(at, len(tokens)):
        token = tokens[end]
        if token in _BRACKETS:
            open_brackets.append(_BRACKETS[token])
        elif token in _BRACKETS.values():
            if open_brackets.pop() != token:
                return None
            if not open_brackets:
                return end + 1
        elif not _is_wordy(tokens, end, begun=True):
            return None
    return None


def _is_wordy(tokens: Sequence[str], at: int, *, begun: bool) -> bool:
    """Whether a token, no bracket, belongs to a remark. Signs do only after words, and where words follow."""
    token = tokens[at]
    if is_word(token) or token == UNIT:
        return True
    before = tokens[at - 1] if at and begun else ""
    after = tokens[at + 1] if at + 1 < len(tokens) else ""
    if token in _PUNCTUATION:
        return begun or (token == "," and is_word(after)) or (token == "." and after in ("}", ")"))
    if token == "^":
        return is_word(before) or before == "}" or before in UNIT_LETTERS
    if token == "-":
        return is_word(after) or before == "^" or (before == "{" and tokens[at - 2 : at - 1] == ["^"])
    if token in _PRODUCTS:
        return begun and (is_word(after) or after in UNIT_LETTERS or after == "{")
    if token in UNIT_LETTERS:
        return before in _PRODUCTS
    return begun and is_number(token) and _is_exponent(tokens, at)


def _is_exponent(tokens: Sequence[str], at: int) -> bool:
    """Whether a number is the exponent of a unit: `cm^2`, `cm^{2}`, `s^{-1}`."""
    before = [*tokens[max(0, at - 4) : at]]
    if before[-1:] == ["-"]:
        before.pop()
    if before[-1:] == ["{"]:
        before.pop()
    return before[-1:] == ["^"]
