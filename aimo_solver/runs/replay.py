"""Replay: a problem set through the solver, in order, into a run folder.

Guarantees: a run that was killed resumes where it was: what was answered is not asked again, and a
rollout that had ended is not drawn again (`RecordedRollouts`). With several problems at once the
seconds say nothing about a contest: the problems share the clock.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from aimo_solver.policies.ledger import Ledger, Spend
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import ProblemSet
from aimo_solver.runs.writer import RunFolder
from aimo_solver.solver.solution import Solution
from aimo_solver.solver.solver import Solver
from aimo_solver.utils.contained import contained


@dataclass(frozen=True, slots=True)
class RunLimits:
    """The time limits of each run."""

    total_seconds: float
    reserve_seconds: float
    problem_seconds: float = math.inf
    """Seconds per problem at most, where the contest limits each call."""


@dataclass(frozen=True, slots=True)
class Past:
    """What an earlier process has done of the runs that are asked for."""

    solutions: Sequence[Solution] = ()
    seconds: Mapping[int, float] | None = None
    """By run, the seconds on its clock."""


async def replay(
    solvers: Sequence[Solver],
    problem_set: ProblemSet,
    *,
    limits: RunLimits,
    folder: RunFolder,
    runs: int = 1,
    started_at: float | None = None,
    past: Past | None = None,
    finished: Callable[[Solution], None] | None = None,
) -> list[Solution]:
    """Solves every problem in every run, as many at once as there are solvers; returns the past solutions first.

    The clock of the first unfinished run began at `started_at`, loading included.
    """
    past = past or Past()
    loop = asyncio.get_running_loop()
    solutions = list(past.solutions)
    loading_since = started_at
    for run in range(runs):
        answered = [solution for solution in past.solutions if solution.run == run]
        if len(answered) == len(problem_set.problems):
            continue
        begun, loading_since = (loop.time() if loading_since is None else loading_since), None
        begun -= (past.seconds or {}).get(run, 0.0)
        ledger = Ledger(
            begun, limits.total_seconds, reserve_seconds=limits.reserve_seconds, problems_left=len(problem_set.problems)
        )
        for solution in answered:
            ledger = ledger.charge(_part(solution.spend, len(solvers)))
        done = {solution.problem.id for solution in answered}
        left = [problem for problem in problem_set.problems if problem.id not in done]
        one = _Run(number=run, problems=left, ledger=ledger, folder=folder, finished=finished)
        solutions += await one.solve(solvers)
    return solutions


class _Run:
    """One run over what is left of a set."""

    def __init__(
        self,
        *,
        number: int,
        problems: Sequence[Problem],
        ledger: Ledger,
        folder: RunFolder,
        finished: Callable[[Solution], None] | None,
    ) -> None:
        self._number, self._left, self._ledger, self._folder = number, list(problems), ledger, folder
        self._finished = finished
        self._solutions: list[Solution] = []

    async def solve(self, solvers: Sequence[Solver]) -> list[Solution]:
        lanes = [asyncio.ensure_future(self._lane(solver, len(solvers))) for solver in solvers]
        try:
            await asyncio.gather(*lanes)
        finally:  # When one fails, all end.
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
        return self._solutions

    async def _lane(self, solver: Solver, lanes: int) -> None:
        while self._left:
            solution = await solver.solve(self._left.pop(0), self._ledger, self._number)
            self._ledger = self._ledger.charge(_part(solution.spend, lanes))
            self._solutions.append(solution)
            if self._finished is not None:  # A submission comes before the record of it.
                with contained(f"{solution.problem.id}: saving the answer", self._folder.log):
                    self._finished(solution)
            with contained(f"{solution.problem.id}: writing to the run folder", self._folder.log):
                self._folder.add(solution)


def _part(spend: Spend, lanes: int) -> Spend:
    """Returns a problem's own part of the time in which it shared the clock."""
    return replace(spend, seconds=spend.seconds / lanes)
