"""Contests: which problems in which order with which samples, and what a policy makes of them.

Paired: every policy meets the same problems, the same samples and the same order, and no policy
gets more rollouts of a problem than the pool has samples of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from aimo_solver.policies.adjusted import AdjustedPolicy
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Policy
from aimo_solver.policies.speed_table import SpeedTable
from aimo_solver.problems.problem import ANY_INTEGER, Problem
from aimo_solver.simulation.pool import Pool, PoolProblem, Sample
from aimo_solver.simulation.pool_rollouts import PoolRollouts
from aimo_solver.simulation.streams import Streams
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.solver.solver import Solver

UNASKED_SECONDS = 1e-6
"""A problem granted no more than this was not asked."""


class ProblemOrder(StrEnum):
    """How a contest's problems are chosen."""

    RANDOM = "random"
    """Drawn with replacement from the pool: a contest is a sample of its kind of problem."""
    FILE = "file"
    """The pool's own, over and over."""


@dataclass(frozen=True, slots=True)
class ContestProblem:
    """A problem of one contest, and the samples its rollouts will be, in their order."""

    problem: PoolProblem
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one problem."""

    id: str
    solved: bool
    unasked: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class ContestResult:
    """What became of one contest."""

    asked: tuple[Asked, ...]

    @property
    def solved(self) -> int:
        return sum(one.solved for one in self.asked)

    @property
    def unasked(self) -> int:
        return sum(one.unasked for one in self.asked)

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.asked)


def draw_contest(pool: Pool, problems: int, order: ProblemOrder, seed: int, index: int) -> tuple[ContestProblem, ...]:
    """The `index`-th contest: the same for every policy, budget and machine."""
    rng = Random(f"contest:{pool.name}:{seed}:{index}")
    if order is ProblemOrder.FILE:
        chosen = [pool.problems[place % len(pool.problems)] for place in range(problems)]
    else:
        chosen = rng.choices(pool.problems, k=problems)
    # Without replacement: a permutation of what was logged.
    return tuple(ContestProblem(one, tuple(rng.sample(one.samples, len(one.samples)))) for one in chosen)


def run_contest(
    contest: Sequence[ContestProblem],
    policy: Policy | Callable[[str], Policy],
    speeds: SpeedTable,
    total_seconds: float,
) -> ContestResult:
    """Plays one contest on a virtual clock. `policy` is one for all, or the one for a problem's id."""
    policy_for = policy if callable(policy) else lambda id: policy
    return run_virtual(_play(contest, policy_for, speeds, total_seconds))


async def _play(
    contest: Sequence[ContestProblem], policy_for: Callable[[str], Policy], speeds: SpeedTable, total_seconds: float
) -> ContestResult:
    loop, streams = asyncio.get_running_loop(), Streams(speeds)
    ledger = Ledger(loop.time(), total_seconds, problems_left=len(contest))
    asked: list[Asked] = []
    for place, one in enumerate(contest):
        # Golds and answers were read by the answer rule when the pool was.
        policy = AdjustedPolicy(policy_for(one.problem.id), most_rollouts=len(one.samples))
        solver = Solver(PoolRollouts(one.samples, streams), policy, ANY_INTEGER)
        solution = await solver.solve(Problem(f"{place}:{one.problem.id}", "", one.problem.gold), ledger)
        ledger = ledger.charge(solution.spend)
        solved = solution.vote.answer == one.problem.gold
        asked.append(Asked(one.problem.id, solved, solution.grant.seconds <= UNASKED_SECONDS, solution.seconds))
    return ContestResult(tuple(asked))
