"""Simulated contests: seconds for one of 50 problems x 24 samples, and how they grow.

The pool is made up here (24 samples a problem, lengths spread over a factor of 30, three answers);
policy `numina` runs every sample to its end, which is the most a contest can cost. Growth is the
ratio of medians, measured in turns; 2.0 is linear.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from random import Random
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from aimo_solver.config.policy_settings import NuminaSettings
from aimo_solver.policies.numina import NuminaPolicy
from aimo_solver.policies.speed_table import load_speed_table
from aimo_solver.simulation.pool import Pool, PoolProblem, Sample
from aimo_solver.simulation.simulated_contest import ProblemOrder, draw_contest, simulate_contest
from aimo_solver.simulation.study import StudyPlan, run_study

PROBLEMS, SAMPLES = 50, 24
ASKED_SECONDS = 0.1
"""A contest should take at most this on one core."""


def made_up_pool(samples: int = SAMPLES) -> Pool:
    """A pool of the size of a contest."""
    rng = Random(0)
    logged = [
        tuple(Sample(rng.choice((1, 1, 1, 2, 3, None)), int(1000 * 30 ** rng.random())) for _ in range(samples))
        for _ in range(PROBLEMS)
    ]
    return Pool("made up", tuple(PoolProblem(f"p{number}", 1, one) for number, one in enumerate(logged)))


def contest_seconds(problems: int, samples: int) -> Callable[[], float]:
    """A timer of one contest."""
    contest = draw_contest(made_up_pool(samples), problems=problems, order=ProblemOrder.FILE, seed=0, index=0)
    speeds, policy = load_speed_table("h100"), NuminaPolicy(NuminaSettings(rollouts=samples, concurrent=samples))

    def once() -> float:
        started = time.perf_counter()
        simulate_contest(contest, policy=policy, speeds=speeds, total_seconds=1e6)
        return time.perf_counter() - started

    return once


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Contests of each size.")] = 20,
    contests: Annotated[int, typer.Option(min=1, help="Contests of the whole study, each policy.")] = 20,
) -> None:
    """Seconds a simulated contest.

    Example: python -m bench simulation --rounds 50
    """
    sizes = {
        f"{problems} problems x {samples} samples": contest_seconds(problems, samples)
        for problems, samples in ((PROBLEMS, SAMPLES), (2 * PROBLEMS, SAMPLES), (PROBLEMS, SAMPLES // 2))
    }
    taken: dict[str, list[float]] = {name: [] for name in sizes}
    for _ in range(rounds):
        for name, once in sizes.items():
            taken[name].append(once())
    table = Table(title=f"Simulated contests, {rounds} of each size", title_justify="left")
    for name in ("contest", "median ms", "least ms", "to the first"):
        table.add_column(name, justify="left" if name == "contest" else "right")
    first = statistics.median(next(iter(taken.values())))
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        table.add_row(name, f"{1e3 * median:.1f}", f"{1e3 * min(seconds):.1f}", f"{median / first:.2f}")
    console = Console()
    console.print(table)
    console.print(f"asked: at most {1e3 * ASKED_SECONDS:.0f} ms for the first")
    policies = ("fixed", "nemoskills", "imagination", "aimo3-public", "adaptive")
    plan = StudyPlan(
        pool=made_up_pool(),
        speeds=load_speed_table("h100"),
        policies=policies,
        budgets_seconds=(5_000.0,),
        contests=contests,
    )
    started = time.perf_counter()
    list(run_study(plan))
    seconds = time.perf_counter() - started
    console.print(
        f"{len(policies)} policies x {contests} contests and their bounds: {seconds:.1f} s on {os.cpu_count()} cores"
    )
