"""Simulated contests: which problems, in which order, with which samples, and what a policy makes of them.

Paired: every policy meets the same problems, samples and order. No policy gets more rollouts of a
problem than the pool has samples of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

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

UNASKED_SECONDS: Final = 1e-6
"""A problem that is granted no more than this counts as unasked."""


class ProblemOrder(StrEnum):
    """How the problems of a contest are chosen."""

    RANDOM = "random"
    """Drawn from the pool with replacement: each contest is a sample of problems of this kind."""
    FILE = "file"
    """In the order of the pool, repeated as needed."""


@dataclass(frozen=True, slots=True)
class DrawnProblem:
    """A problem of one contest. Its n-th rollout is the n-th of `samples`."""

    problem: PoolProblem
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemOutcome:
    """How one problem of a contest ended."""

    id: str
    solved: bool
    unasked: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class ContestOutcome:
    """How one contest ended, problem by problem."""

    problems: tuple[ProblemOutcome, ...]

    @property
    def solved(self) -> int:
        return sum(one.solved for one in self.problems)

    @property
    def unasked(self) -> int:
        return sum(one.unasked for one in self.problems)

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.problems)


def draw_contest(pool: Pool, *, problems: int, order: ProblemOrder, seed: int, index: int) -> tuple[DrawnProblem, ...]:
    """Draws the contest with this index; it is the same for every policy, budget and machine."""
    rng = Random(f"contest:{pool.name}:{seed}:{index}")
    if order is ProblemOrder.FILE:
        chosen = [pool.problems[place % len(pool.problems)] for place in range(problems)]
    else:
        chosen = rng.choices(pool.problems, k=problems)
    # Without replacement: a permutation of what was logged.
    return tuple(DrawnProblem(one, tuple(rng.sample(one.samples, len(one.samples)))) for one in chosen)


def simulate_contest(
    contest: Sequence[DrawnProblem],
    *,
    policy: Policy | Callable[[str], Policy],
    speeds: SpeedTable,
    total_seconds: float,
) -> ContestOutcome:
    """Runs one contest on a virtual clock. `policy` is one for all problems, or a function of a problem's id."""
    policy_for: Callable[[str], Policy] = policy if callable(policy) else lambda id: policy
    return run_virtual(_solve_all(contest, policy_for, speeds, total_seconds))


async def _solve_all(
    contest: Sequence[DrawnProblem], policy_for: Callable[[str], Policy], speeds: SpeedTable, total_seconds: float
) -> ContestOutcome:
    loop, streams = asyncio.get_running_loop(), Streams(speeds)
    ledger = Ledger(loop.time(), total_seconds, problems_left=len(contest))
    outcomes: list[ProblemOutcome] = []
    for place, one in enumerate(contest):
        policy = AdjustedPolicy(policy_for(one.problem.id), max_rollouts=len(one.samples))
        # The answer rule was applied to gold answers and samples when the pool was read.
        solver = Solver(rollouts=PoolRollouts(one.samples, streams), policy=policy, rule=ANY_INTEGER)
        solution = await solver.solve(Problem(f"{place}:{one.problem.id}", "", one.problem.gold), ledger)
        ledger = ledger.charge(solution.spend)
        outcomes.append(
            ProblemOutcome(
                id=one.problem.id,
                solved=solution.vote.answer == one.problem.gold,
                unasked=solution.grant.seconds <= UNASKED_SECONDS,
                seconds=solution.seconds,
            )
        )
    return ContestOutcome(tuple(outcomes))
