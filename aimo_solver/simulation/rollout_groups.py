"""Rollout groups: rollouts of one problem side by side, observed at each finish, thousands of groups at a time.

`bounds` and `stop_table_learning` are computed from them; contests themselves go through the solver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from aimo_solver.policies.speed_table import SpeedTable
from aimo_solver.simulation.pool import Pool, Sample

WIDTHS: Final = (1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32, 48)
"""Numbers of rollouts that a bound may choose from."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_BASE = max(WIDTHS) + 1
NOTHING_YET: Final = 0
"""The state before the first finish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutGroups:
    """Groups of equal width. Arrays of shape (groups, width) hold what is known after each finish."""

    seconds: Floats
    leader: Integers
    """Votes for the leading answer."""
    runner_up: Integers
    """Votes for the second answer."""
    answered: Integers
    """Rollouts that finished with an answer."""
    right: Floats
    """Share of the leading answers that is right: 1 or 0, or a fraction in a tie."""

    def at(self, moments: Floats) -> tuple[Integers, Floats]:
        """Returns the state of each group and how right its vote is, both of shape (groups, moments)."""
        finished = (self.seconds[:, :, None] <= moments).sum(axis=1)
        rows, last = np.arange(len(finished))[:, None], np.maximum(finished - 1, 0)
        states = 1 + (self.leader * _BASE + self.runner_up) * _BASE + self.answered
        return (
            np.where(finished > 0, states[rows, last], NOTHING_YET),
            np.where(finished > 0, self.right[rows, last], 0.0),
        )


def unpack_states(states: Integers) -> tuple[Integers, Integers, Integers]:
    """Returns leader, runner-up and answered of each state; zeros for NOTHING_YET."""
    known = np.maximum(states - 1, 0)
    return known // _BASE**2, known // _BASE % _BASE, known % _BASE


def widths_up_to(max_width: int) -> tuple[int, ...]:
    """The WIDTHS below `max_width`, and `max_width` itself (or the largest of WIDTHS, where that is less)."""
    return (*(width for width in WIDTHS if width < max_width), min(max_width, max(WIDTHS)))


def draw_groups(
    pool: Pool, *, width: int, groups_per_problem: int, speeds: SpeedTable, rng: np.random.Generator
) -> list[RolloutGroups]:
    """Draws random groups of every problem, and returns one RolloutGroups per width that occurs.

    A problem with fewer samples than `width` gets them all, as it would from a policy.
    """
    by_width: dict[int, list[tuple[int, list[Sample]]]] = {}
    for problem in pool.problems:
        used = min(width, len(problem.samples))
        for _ in range(groups_per_problem):
            places: list[int] = rng.permutation(len(problem.samples))[:used].tolist()
            drawn = [problem.samples[place] for place in places]
            by_width.setdefault(used, []).append((problem.gold, drawn))
    return [simulate_groups(drawn, speeds) for drawn in by_width.values()]


def simulate_groups(groups: Sequence[tuple[int, Sequence[Sample]]], speeds: SpeedTable) -> RolloutGroups:
    """Simulates groups of (gold answer, samples), all of one width, whose rollouts start together."""
    codes, tokens = _encode(groups)
    order = np.argsort(tokens, axis=1, kind="stable")
    codes, tokens = np.take_along_axis(codes, order, 1), np.take_along_axis(tokens, order, 1)
    count, width = tokens.shape
    token_seconds = np.array([speeds.token_seconds(width - place) for place in range(width)])
    seconds = np.cumsum(np.diff(tokens, axis=1, prepend=0.0) * token_seconds, axis=1)
    votes = np.zeros((count, int(codes.max(initial=0)) + 2), dtype=np.int64)
    leader, runner_up, answered = (np.zeros((count, width), dtype=np.int64) for _ in range(3))
    right = np.zeros((count, width))
    rows = np.arange(count, dtype=np.int64)
    for place in range(width):
        voted = codes[:, place] >= 0
        votes[rows[voted], codes[voted, place]] += 1
        best = votes.max(axis=1)
        top_two = np.partition(votes, -2, axis=1)[:, -2]
        leader[:, place], runner_up[:, place], answered[:, place] = best, top_two, votes.sum(axis=1)
        leads = (votes == best[:, None]) & (best[:, None] > 0)
        right[:, place] = leads[:, 0] / np.maximum(1, leads.sum(axis=1))
    return RolloutGroups(seconds=seconds, leader=leader, runner_up=runner_up, answered=answered, right=right)


def _encode(groups: Sequence[tuple[int, Sequence[Sample]]]) -> tuple[Integers, Floats]:
    """Returns answers as small integers (0 is the gold answer, -1 is none), and tokens; both (groups, width)."""
    codes: list[list[int]] = []
    tokens: list[list[int]] = []
    for gold, samples in groups:
        code_of = {gold: 0}
        codes.append([-1 if s.answer is None else code_of.setdefault(s.answer, len(code_of)) for s in samples])
        tokens.append([s.tokens for s in samples])
    return np.array(codes, dtype=np.int64), np.array(tokens, dtype=np.float64)
