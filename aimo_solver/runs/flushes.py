"""Flushes: how many votes came because the rollout was asked for its answer, and how often they were right.

Those that the model had ended are counted apart from those that were cut short: the first say what it left
out, the second what time, tokens or rounds took from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aimo_solver.solver.solution import Solution
from aimo_solver.utils.text import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushCount:
    """Rollouts that were asked for their answer, for one reason."""

    asked: int = 0
    votes: int = 0
    """Those that then gave one."""
    judged: int = 0
    """Votes on problems whose gold answer is known."""
    right: int = 0

    def __add__(self, other: FlushCount) -> FlushCount:
        return FlushCount(
            asked=self.asked + other.asked,
            votes=self.votes + other.votes,
            judged=self.judged + other.judged,
            right=self.right + other.right,
        )

    def __str__(self) -> str:
        """As in "12 of 15 asked, 8 of 12 right"."""
        judged = f", {self.right} of {self.judged} right" if self.judged else ""
        return f"{self.votes} of {self.asked} asked{judged}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flushes:
    """The flushes of a run, by what came before them."""

    after_end: FlushCount = FlushCount()
    """The model had ended the rollout."""
    after_cut: FlushCount = FlushCount()
    """The rollout had been cut short."""

    def __add__(self, other: Flushes) -> Flushes:
        return Flushes(after_end=self.after_end + other.after_end, after_cut=self.after_cut + other.after_cut)

    @property
    def words(self) -> str:
        """One line about them; "" where no rollout was asked."""
        if not self.after_end.asked + self.after_cut.asked:
            return ""
        votes = plural(self.after_end.votes + self.after_cut.votes, "vote")
        return f"{votes} by a flush: after the model's own end {self.after_end}; after a cut {self.after_cut}"


def count_flushes(solutions: Iterable[Solution]) -> Flushes:
    """Returns the flushes of these problems' rollouts."""
    return sum(map(_flushes_of, solutions), start=Flushes())


def _flushes_of(solution: Solution) -> Flushes:
    return Flushes(after_end=_count(solution, ended_itself=True), after_cut=_count(solution, ended_itself=False))


def _count(solution: Solution, *, ended_itself: bool) -> FlushCount:
    gold = solution.problem.gold
    asked = [one for one in solution.trajectories if one.asked and one.ended_itself is ended_itself]
    votes = [one for one in asked if one.answer is not None]
    return FlushCount(
        asked=len(asked),
        votes=len(votes),
        judged=0 if gold is None else len(votes),
        right=sum(one.answer == gold for one in votes),
    )
