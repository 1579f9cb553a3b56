"""Problem and AnswerRule: what is asked, and which integers count as an answer."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, asdict, dataclass, replace
from typing import Final

from aimo_solver.config.contest import Contest, find_contest, match_name
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


def answer_rule(name_or_file: str) -> AnswerRule:
    """The answer rule of a contest, by its name in any usual spelling or by its TOML file, or `any-integer`.

    Raises InputError that lists the names.
    """
    if match_name(name_or_file, [ANY_INTEGER.name]):
        return ANY_INTEGER
    return rule_of(find_contest(name_or_file, others=(ANY_INTEGER.name,)))


def rule_of(contest: Contest) -> AnswerRule:
    """The answer rule of a contest."""
    return AnswerRule(contest.name, **asdict(contest.answers))
