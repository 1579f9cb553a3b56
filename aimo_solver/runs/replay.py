"""Replay: a problem set through the solver, in order, into a run folder.

Guarantees: a run that was killed goes on where it was: what was answered is not asked again, and a
rollout that had ended is not drawn again (`RecordedRollouts`). With several problems at once the
figures of time are no contest's: the clock is shared.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from aimo_solver.policies.ledger import Ledger, Spend
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import ProblemSet
from aimo_solver.runs.writer import RunFolder
from aimo_solver.solver.solution import Solution
from aimo_solver.solver.solver import Solver


@dataclass(frozen=True, slots=True)
class RunLimits:
    """The time of each run."""

    total_seconds: float
    reserve_seconds: float
    problem_seconds: float = math.inf
    """The most one problem may take, where whoever asks sets a limit."""


@dataclass(frozen=True, slots=True)
class Past:
    """What an earlier process has done of the runs that are asked for."""

    solutions: Sequence[Solution] = ()
    seconds: Mapping[int, float] | None = None
    """Of each run's clock."""


async def replay(
    solvers: Sequence[Solver],
    problem_set: ProblemSet,
    limits: RunLimits,
    folder: RunFolder,
    *,
    runs: int = 1,
    started_at: float | None = None,
    past: Past | None = None,
    finished: Callable[[Solution], None] | None = None,
) -> list[Solution]:
    """Every problem in every run, as many at once as there are solvers; those of the past first.

    The clock of the first run that is not over began at `started_at`, loading included.
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
        ledger = Ledger(begun, limits.total_seconds, limits.reserve_seconds, len(problem_set.problems))
        for solution in answered:
            ledger = ledger.charge(_share(solution.spend, len(solvers)))
        left = _not_in(problem_set.problems, {solution.problem.id for solution in answered})
        for solution in await _Pass(run, left, ledger, folder, finished).through(solvers):
            solutions.append(solution)
    return solutions


class _Pass:
    """One run over what is left of a set."""

    def __init__(
        self,
        run: int,
        problems: Sequence[Problem],
        ledger: Ledger,
        folder: RunFolder,
        finished: Callable[[Solution], None] | None,
    ) -> None:
        self._run, self._left, self._ledger, self._folder = run, list(problems), ledger, folder
        self._finished = finished
        self._solutions: list[Solution] = []

    async def through(self, solvers: Sequence[Solver]) -> list[Solution]:
        lanes = [asyncio.ensure_future(self._lane(solver, len(solvers))) for solver in solvers]
        try:
            await asyncio.gather(*lanes)
        finally:  # One that failed ends all.
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
        return self._solutions

    async def _lane(self, solver: Solver, lanes: int) -> None:
        while self._left:
            solution = await solver.solve(self._left.pop(0), self._ledger, self._run)
            self._ledger = self._ledger.charge(_share(solution.spend, lanes))
            self._folder.add(solution)
            self._solutions.append(solution)
            if self._finished is not None:
                self._finished(solution)


def _share(spend: Spend, lanes: int) -> Spend:
    """What a problem took of a clock that it shared."""
    return replace(spend, seconds=spend.seconds / lanes)


def _not_in(problems: Sequence[Problem], ids: Collection[str]) -> list[Problem]:
    return [problem for problem in problems if problem.id not in ids]
