"""Groups: rollouts of one problem side by side, watched at each finish, thousands at a time.

What `bounds` and `stop_tables` are computed from; contests themselves go through the solver.
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

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_BASE = max(WIDTHS) + 1
NOTHING_YET: Final = 0
"""The state before the first finish."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Arrays of shape (groups, width): what is known after each finish."""

    seconds: Floats
    leader: Integers
    runner_up: Integers
    answered: Integers
    right: Floats
    """The share of the leading answers that is right: 1, 0, or a fraction in a tie."""

    def at(self, moments: Floats) -> tuple[Integers, Floats]:
        """Each group's state and the rightness of its vote, both (groups, moments)."""
        finished = (self.seconds[:, :, None] <= moments).sum(axis=1)
        rows, last = np.arange(len(finished))[:, None], np.maximum(finished - 1, 0)
        names = 1 + (self.leader * _BASE + self.runner_up) * _BASE + self.answered
        return (
            np.where(finished > 0, names[rows, last], NOTHING_YET),
            np.where(finished > 0, self.right[rows, last], 0.0),
        )


def unpack_states(states: Integers) -> tuple[Integers, Integers, Integers]:
    """Leader, runner-up and answered of each state; zeros of NOTHING_YET."""
    known = np.maximum(states - 1, 0)
    return known // _BASE**2, known // _BASE % _BASE, known % _BASE


def widths_for(most: int) -> tuple[int, ...]:
    """Those a policy may use where a problem has at most so many samples."""
    return (*(width for width in WIDTHS if width < most), min(most, max(WIDTHS)))


def draw_groups(
    pool: Pool, width: int, groups_a_problem: int, speeds: SpeedTable, rng: np.random.Generator
) -> list[Groups]:
    """Random groups of every problem. One with fewer samples gets them all, as a policy does: an entry a width."""
    by_width: dict[int, list[tuple[int, list[Sample]]]] = {}
    for problem in pool.problems:
        used = min(width, len(problem.samples))
        for _ in range(groups_a_problem):
            drawn = [problem.samples[i] for i in rng.permutation(len(problem.samples))[:used]]
            by_width.setdefault(used, []).append((problem.gold, drawn))
    return [run_groups(drawn, speeds) for drawn in by_width.values()]


def run_groups(groups: Sequence[tuple[int, Sequence[Sample]]], speeds: SpeedTable) -> Groups:
    """Groups of equally many samples, each with its gold answer, all begun at once."""
    codes, tokens = _coded(groups)
    order = np.argsort(tokens, axis=1, kind="stable")
    codes, tokens = np.take_along_axis(codes, order, 1), np.take_along_axis(tokens, order, 1)
    count, width = tokens.shape
    token_seconds = np.array([speeds.token_seconds(width - place) for place in range(width)])
    seconds = np.cumsum(np.diff(tokens, axis=1, prepend=0.0) * token_seconds, axis=1)
    votes = np.zeros((count, int(codes.max(initial=0)) + 2), dtype=np.int64)
    leader, runner_up, answered = (np.zeros((count, width), dtype=np.int64) for _ in range(3))
    right = np.zeros((count, width))
    rows = np.arange(count)
    for place in range(width):
        voted = codes[:, place] >= 0
        votes[rows[voted], codes[voted, place]] += 1
        best = votes.max(axis=1)
        top_two = np.partition(votes, -2, axis=1)[:, -2]
        leader[:, place], runner_up[:, place], answered[:, place] = best, top_two, votes.sum(axis=1)
        leads = (votes == best[:, None]) & (best[:, None] > 0)
        right[:, place] = leads[:, 0] / np.maximum(1, leads.sum(axis=1))
    return Groups(seconds, leader, runner_up, answered, right)


def _coded(groups: Sequence[tuple[int, Sequence[Sample]]]) -> tuple[Integers, Floats]:
    """Answers as small integers, 0 the gold one, -1 none; and tokens."""
    codes, tokens = [], []
    for gold, samples in groups:
        names = {gold: 0}
        codes.append([-1 if s.answer is None else names.setdefault(s.answer, len(names)) for s in samples])
        tokens.append([s.tokens for s in samples])
    return np.array(codes, dtype=np.int64), np.array(tokens, dtype=np.float64)
