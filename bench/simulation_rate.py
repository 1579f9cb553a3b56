"""Seconds per simulated contest of 50 problems x 24 samples, and how they grow with its size.

The pool is generated here: 24 samples per problem, lengths spread over a factor of 30, three answers. Policy
`numina` runs every sample to its end, the most that a contest can cost. Growth is the ratio of medians of
alternating runs; twice the size should take twice the time.
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
TARGET_SECONDS = 0.1
"""Per contest, on one core."""


def generate_pool(samples: int = SAMPLES) -> Pool:
    """Generates a pool for a contest."""
    rng = Random(0)
    logged = [
        tuple(Sample(rng.choice((1, 1, 1, 2, 3, None)), int(1000 * 30 ** rng.random())) for _ in range(samples))
        for _ in range(PROBLEMS)
    ]
    return Pool("generated", tuple(PoolProblem(f"p{number}", 1, one) for number, one in enumerate(logged)))


def contest_seconds(problems: int, samples: int) -> Callable[[], float]:
    """Returns a function that runs one contest and returns its seconds."""
    contest = draw_contest(generate_pool(samples), problems=problems, order=ProblemOrder.FILE, seed=0, index=0)
    speeds, policy = load_speed_table("h100"), NuminaPolicy(NuminaSettings(rollouts=samples, concurrent=samples))

    def once() -> float:
        started = time.perf_counter()
        simulate_contest(contest, policy=policy, speeds=speeds, total_seconds=1e6)
        return time.perf_counter() - started

    return once


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Contests of each size.")] = 20,
    contests: Annotated[int, typer.Option(min=1, help="Contests per policy in the study.")] = 20,
) -> None:
    """Measures seconds per simulated contest.

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
    for name in ("contest", "median ms", "min ms", "to the first"):
        table.add_column(name, justify="left" if name == "contest" else "right")
    first = statistics.median(next(iter(taken.values())))
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        table.add_row(name, f"{1e3 * median:.1f}", f"{1e3 * min(seconds):.1f}", f"{median / first:.2f}")
    console = Console()
    console.print(table)
    console.print(f"target: at most {1e3 * TARGET_SECONDS:.0f} ms for the first")
    policies = ("fixed", "nemoskills", "imagination", "aimo3-public", "adaptive")
    plan = StudyPlan(
        pool=generate_pool(),
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
