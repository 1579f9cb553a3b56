"""Printed numbers: which answers a program's output names, read as every answer is (problems/answers.py).

Guarantees: never raises, whatever was printed; a number is read whole, so that 3.14 is neither 3 nor 14, 17/2 is
neither 17 nor 2, and the 64 of `np.int64(17)` is no number.
"""

from __future__ import annotations

import re
from typing import Final

from aimo_solver.problems.answers import parse_integer
from aimo_solver.problems.problem import AnswerRule

MAX_NUMBERS: Final = 1000
"""Of an output only the last of its numbers are read."""
_NUMBER: Final = re.compile(r"(?<![\w.])[-−+]?\d[\w.,/]*(?:(?<=[eE])[-+]\d+)?")
"""A number and whatever is written together with it."""


def printed_answers(output: str, accepted: AnswerRule) -> frozenset[int]:
    """Returns the answers that the numbers in `output` stand for, under the contest's rule."""
    numbers = _NUMBER.findall(output)[-MAX_NUMBERS:]
    values = (parse_integer(number.rstrip(".,/")) for number in numbers)
    answers = (accepted.apply(value) for value in values if value is not None)
    return frozenset(answer for answer in answers if answer is not None)
