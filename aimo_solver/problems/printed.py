"""Printed numbers: the integers in a program's output.

`17`, `[3, 17]`, `np.int64(17)`, `n = 17` and `17.0` hold 17, `12,345` is 12345. Digits in a name (`int64`, `x2`) are
no number; `3.14`, `17/3`, `Fraction(17, 3)`, `2*x`, `sqrt(17)`, `1e5`, `2j` and `0x11` are, but no integer that was
printed exactly. Linear in the output, and never raises, however many digits a number has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from aimo_solver.problems.problem import AnswerRule

_NUMBER: Final = re.compile(
    r"""
    (?P<fraction> \b(?: Fraction | Rational ) \( [^()\n]{0,80} \) )
    | (?P<call> (?P<name> [A-Za-z_][\w.]{0,30} ) \( )? (?P<sign> (?<![\w.)\]]) [-−+] )? (?<![\w.])
      (?P<digits> [0-9]{1,3} (?: ,[0-9]{3} )+ (?![0-9]) | [0-9]+ ) (?P<zeros> \.0* (?![\w.]) )? (?P<rest> [\w.]* )
    """,
    re.X,
)
_INTEGER_TYPES: Final = re.compile(r"(?:np\.|numpy\.)?(?:u?int\d*|Integer|mpz|ZZ|Decimal|longlong|intc?)|print")
_MAX_DIGITS: Final = 1299
_OPERATORS: Final = "*/^+"
_CHUNK: Final = 1000


def printed_integers(output: str, rule: AnswerRule) -> frozenset[int]:
    """Returns the answers that the integers in the output stand for, under `rule`."""
    return frozenset(value for value in _printed(output, rule) if value is not None)


def last_printed(output: str, rule: AnswerRule) -> int | None:
    """Returns the answer that the output's last number stands for; None if that is no integer, or no answer."""
    last: int | None = None
    for value in _printed(output, rule):
        last = value
    return last


def _printed(output: str, rule: AnswerRule) -> Iterator[int | None]:
    """Yields, for each number in the output, its answer or None."""
    for match in _NUMBER.finditer(output):
        yield _answer(match, output, rule)


def _answer(match: re.Match[str], output: str, rule: AnswerRule) -> int | None:
    before = output[max(0, match.start() - 3) : match.start()].rstrip(" ")
    after = output[match.end() : match.end() + 3].lstrip(" ")
    if match["fraction"] or match["rest"] or before.endswith(tuple(_OPERATORS)) or after.startswith(tuple(_OPERATORS)):
        return None
    if match["call"] and not _INTEGER_TYPES.fullmatch(match["name"]):
        return None
    digits = match["digits"].replace(",", "").lstrip("0") or "0"
    is_negative = match["sign"] in ("-", "−") and digits != "0"
    if len(digits) <= _MAX_DIGITS:
        return rule.apply(-int(digits) if is_negative else int(digits))
    # Its remainder is known where the rule has a modulus, without a number that Python refuses to read.
    if is_negative or rule.modulus is None:
        return None
    return rule.apply(_remainder(digits, rule.modulus))


def _remainder(digits: str, modulus: int) -> int:
    remainder = 0
    for start in range(0, len(digits), _CHUNK):
        chunk = digits[start : start + _CHUNK]
        remainder = (remainder * 10 ** len(chunk) + int(chunk)) % modulus
    return remainder
