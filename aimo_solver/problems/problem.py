"""Problem and AnswerRule: what is asked, and which integers count as an answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, replace
from typing import Final

from aimo_solver.errors import InputError


@dataclass(frozen=True, slots=True)
class Problem:
    """One contest problem."""

    id: str
    text: str
    """The statement, in LaTeX."""
    gold: int | None = None
    """The right answer, where it is known; the solver never reads it."""
    _: KW_ONLY
    source: str | None = None
    level: int | None = None
    set: str | None = None
    """The name of the problem set it was read from."""

    @property
    def family(self) -> str:
        """The group that reports count it in; "-" without a source.

        It is "Algebra" for "MATH test, algebra/6.json (Algebra)", "AIME I 2022" for "AIME I 2022, Problem 1",
        and the source itself for any other.
        """
        if self.source is None:
            return "-"
        if in_brackets := re.search(r"\(([^()]+)\)$", self.source):
            return in_brackets.group(1)
        return re.sub(r",? (?:Problem|#) ?\d+$", "", self.source)


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """Which integers a contest accepts.

    A value below `minimum` is no answer and is never wrapped; one above `maximum` is reduced by
    `modulus` where the contest's rules say so, and is no answer otherwise.
    """

    name: str
    _: KW_ONLY
    minimum: int | None = None
    maximum: int | None = None
    modulus: int | None = None
    fallback: int = 0
    """The answer that is given when no rollout answers."""

    def apply(self, value: int) -> int | None:
        """Returns the answer that `value` stands for under this rule, or None."""
        if self.minimum is not None and value < self.minimum:
            return None
        if self.modulus is not None:
            return value % self.modulus
        if self.maximum is not None and value > self.maximum:
            return None
        return value

    def with_fallback(self, fallback: int) -> AnswerRule:
        """Returns the rule with another fallback. Raises InputError for one that it would not accept."""
        if self.apply(fallback) != fallback:
            raise InputError(f"fallback must be an answer that {self.name} accepts, got {fallback!r}")
        return replace(self, fallback=fallback)


ANY_INTEGER: Final = AnswerRule("any-integer")
AIMO1: Final = AnswerRule("aimo1", minimum=0, maximum=999, modulus=1000)
AIMO2: Final = AnswerRule("aimo2", minimum=0, maximum=999, modulus=1000)
AIMO3: Final = AnswerRule("aimo3", minimum=0, maximum=99_999)

ANSWER_RULES: Final = {rule.name: rule for rule in (ANY_INTEGER, AIMO1, AIMO2, AIMO3)}


def answer_rule(name: str) -> AnswerRule:
    """The answer rule of a contest, or `any-integer`, in any spelling that `match_contest_name` understands.

    Raises InputError that lists the names.
    """
    matched = match_contest_name(name, ANSWER_RULES)
    if matched is None:
        raise InputError(f"contest must be one of {', '.join(ANSWER_RULES)}, got {name!r}")
    return ANSWER_RULES[matched]


def match_contest_name(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that `name` spells, or None: `3`, `AIMO3` and `aimo-3` all mean `aimo3`."""
    return next((one for one in names if _spelling(one) == _spelling(name)), None)


def _spelling(name: str) -> str:
    letters = re.sub(r"[\s_-]", "", name).lower()
    return f"aimo{letters}" if letters.isdecimal() else letters
