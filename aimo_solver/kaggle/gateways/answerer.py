"""Answerer: a solver with its ledger and run folder, which answers one problem after another.

Guarantees: every problem is charged to the ledger, including one that failed; `provisional` and
`answer_by` can be read from another thread at any time.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from aimo_solver.policies.ledger import Ledger, Spend
from aimo_solver.problems.problem import Problem
from aimo_solver.runs.writer import RunFolder
from aimo_solver.solver.solution import Solution
from aimo_solver.solver.solver import Solver
from aimo_solver.utils.contained import contained
from aimo_solver.utils.log import Log, unbreakable


class Answerer(Protocol):
    """Answers one problem at a time. Its coroutines belong to one event loop."""

    @property
    def provisional(self) -> int:
        """The answer to give if everything stopped now."""
        ...

    @property
    def answer_by(self) -> float | None:
        """Loop time by which the current problem is answered; None while there is no problem."""
        ...

    async def answer(self, problem: Problem) -> int:
        """Answers one problem. Raises whatever the solver raises."""
        ...


class SolverAnswerer:
    """Answerer that asks a solver."""

    def __init__(self, solver: Solver, *, ledger: Ledger, folder: RunFolder, log: Log) -> None:
        self._solver, self._ledger, self._folder, self._log = solver, ledger, folder, unbreakable(log)
        self.solutions: list[Solution] = []

    @property
    def provisional(self) -> int:
        return self._solver.provisional

    @property
    def answer_by(self) -> float | None:
        return self._solver.answer_by

    async def answer(self, problem: Problem) -> int:
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        try:
            solution = await self._solver.solve(problem, self._ledger)
        except BaseException as error:
            self._ledger = self._ledger.charge(Spend(1, loop.time() - started_at))
            if isinstance(error, SystemExit | KeyboardInterrupt):
                # In a task these would end the event loop, and every later problem with it.
                raise RuntimeError(f"{type(error).__name__} in the solver") from error
            raise
        self._ledger = self._ledger.charge(solution.spend)
        self.solutions.append(solution)
        with contained(f"{problem.id}: writing to the run folder", self._log):
            self._folder.add(solution)
        seconds, left = solution.seconds, self._ledger.left_seconds(loop.time())
        self._log(f"{problem.id}: {solution.answer} ({solution.stop}; {seconds:.1f} s; {left:.0f} s left)")
        return solution.answer
