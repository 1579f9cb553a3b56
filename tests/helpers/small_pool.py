"""A small pool of logged samples, contests made from its problems, and two speed tables."""

from __future__ import annotations

from aimo_solver.policies.speed_table import SpeedTable
from aimo_solver.simulation.pool import Pool, PoolProblem, Sample
from aimo_solver.simulation.simulated_contest import DrawnProblem

EVEN = SpeedTable("even", streams=(1,), tokens_per_second=(1.0,), sources=("a unit",))
"""One token per second for each stream."""
SHARED = SpeedTable("shared", streams=(1, 2), tokens_per_second=(1.0, 0.5), sources=("a unit", "half of it"))
"""One token per second in all, however many streams."""


def pool_problem(*samples: tuple[int | None, int], gold: int = 1, id: str = "p") -> PoolProblem:
    """A problem with these (answer, tokens)."""
    return PoolProblem(id, gold, tuple(Sample(answer, tokens) for answer, tokens in samples))


def contest_of(*problems: PoolProblem) -> tuple[DrawnProblem, ...]:
    """These problems in this order, with their samples in the pool's order."""
    return tuple(DrawnProblem(one, one.samples) for one in problems)


POOL = Pool(
    "small",
    (
        pool_problem(*[(1, 10 + n) for n in range(8)], id="easy"),
        pool_problem(*[(1, 10), (2, 12), (1, 30), (None, 40), (1, 20), (2, 22), (1, 15), (1, 9)], id="middle"),
        pool_problem(*[(2, 30 + n) for n in range(8)], id="lost"),
    ),
)
