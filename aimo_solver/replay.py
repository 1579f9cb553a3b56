"""Replay: a problem set through the solver, in order, into a run folder."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

from aimo_solver.ledger import Ledger
from aimo_solver.problem_set import ProblemSet
from aimo_solver.run_folder import RunFolder
from aimo_solver.solution import Solution
from aimo_solver.solver import Solver


@dataclass(frozen=True, slots=True)
class RunLimits:
    """The time of each run."""

    total_seconds: float
    reserve_seconds: float
    problem_seconds: float = math.inf
    """The most one problem may take, where whoever asks sets a limit."""


async def replay(
    solver: Solver,
    problem_set: ProblemSet,
    limits: RunLimits,
    folder: RunFolder,
    *,
    runs: int = 1,
    started_at: float | None = None,
    finished: Callable[[Solution], None] | None = None,
) -> list[Solution]:
    """Every problem in every run. The first run's clock began at `started_at`, loading included."""
    loop = asyncio.get_running_loop()
    solutions: list[Solution] = []
    for run in range(runs):
        begun = started_at if run == 0 and started_at is not None else loop.time()
        ledger = Ledger(begun, limits.total_seconds, limits.reserve_seconds, len(problem_set.problems))
        for problem in problem_set.problems:
            solution = await solver.solve(problem, ledger, run)
            ledger = ledger.charge(solution.spend)
            folder.add(solution)
            solutions.append(solution)
            if finished is not None:
                finished(solution)
    return solutions
