"""Faults around the solver: whatever raises whatever, whenever, every problem gets the vote it would have had."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aimo_solver.config.policy_settings import NemoSkillsSettings
from aimo_solver.config.settings import RolloutSettings
from aimo_solver.dialects.numina import NuminaDialect
from aimo_solver.engine.base import Completion, Sampling
from aimo_solver.engine.scripted import Reply, ScriptedEngine
from aimo_solver.kaggle.gateways.answerer import SolverAnswerer
from aimo_solver.policies.adjusted import AdjustedPolicy
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.policies.policy import Grant
from aimo_solver.problems.problem import ANY_INTEGER, Problem
from aimo_solver.problems.problem_set import ProblemSet
from aimo_solver.rollouts.engine_rollouts import EngineRollouts
from aimo_solver.rollouts.parts import RolloutParts
from aimo_solver.rollouts.trajectory import Trajectory, Turn
from aimo_solver.runs.replay import RunLimits, replay
from aimo_solver.runs.writer import Recorder, RunFolder
from aimo_solver.sandbox.base import ExecutionResult
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.solver.observer import Observer, Observers
from aimo_solver.solver.solution import Solution
from aimo_solver.solver.solver import Solver
from aimo_solver.voting import Vote
from aimo_solver.voting.selection import Selection, SelectionReason
from tests.helpers.fakes import TOKENIZER, InProcessSandbox, InProcessSession, boxed, code

PARTS = ("recorder", "screen", "log", "close", "execute", "tokenizer", "selector")
ERRORS: tuple[Callable[[], BaseException], ...] = (
    lambda: OSError(28, "No space left on device"),
    lambda: RuntimeError("injected"),
    lambda: SystemExit(1),
    MemoryError,
    lambda: ValueError("I/O operation on closed file"),
)
PROBLEMS = 5
ROLLOUTS = 8


class Fault:
    """Raises once per problem, at a call of the named part that is drawn; the screen's and the log's raise often."""

    def __init__(self, part: str, make_error: Callable[[], BaseException], seed: int) -> None:
        self.part, self._make_error, self._draw = part, make_error, Random(seed)
        self.raised = 0
        self._left: int | None = None

    def new_problem(self) -> None:
        self._left = self._draw.randrange(7) if self.part in ("tokenizer", "execute", "close") else 0

    def strike(self, part: str) -> None:
        if part != self.part or self._left is None:
            return
        if self._left == 0:
            self.raised += 1
            self._left = self._draw.randrange(4) if part in ("screen", "log", "recorder") else None
            raise self._make_error()
        self._left -= 1


class FaultyScreen(Observer):
    def __init__(self, fault: Fault, part: str = "screen") -> None:
        self._fault, self._part = fault, part

    def problem_started(self, problem: Problem, run: int, grant: Grant) -> None:
        self._fault.strike(self._part)

    def generated(self, rollout: int, piece: Completion) -> None:
        self._fault.strike(self._part)

    def turn_finished(self, rollout: int, turn: Turn) -> None:
        self._fault.strike(self._part)

    def rollout_finished(self, trajectory: Trajectory, vote: Vote) -> None:
        self._fault.strike(self._part)

    def problem_finished(self, solution: Solution) -> None:
        self._fault.strike(self._part)


class FaultyFolder(RunFolder):
    fault: Fault

    def record(self, trajectory: Trajectory) -> None:
        self.fault.strike("recorder")
        super().record(trajectory)

    def add(self, solution: Solution) -> None:
        self.fault.strike("recorder")
        super().add(solution)


class FaultyTokenizer:
    def __init__(self, fault: Fault) -> None:
        self._fault = fault

    def encode(self, text: str) -> list[int]:
        self._fault.strike("tokenizer")
        return TOKENIZER.encode(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        self._fault.strike("tokenizer")
        return TOKENIZER.decode(token_ids)

    def __getattr__(self, name: str) -> Any:
        return getattr(TOKENIZER, name)


class FaultySession(InProcessSession):
    def __init__(self, sandbox: InProcessSandbox, fault: Fault) -> None:
        super().__init__(sandbox)
        self._fault = fault

    async def execute(self, code: str, timeout_seconds: float, *, keep: bool = True) -> ExecutionResult:
        self._fault.strike("execute")
        return await super().execute(code, timeout_seconds, keep=keep)

    async def close(self) -> None:
        self._fault.strike("close")
        await super().close()


class FaultySandbox(InProcessSandbox):
    def __init__(self, fault: Fault) -> None:
        super().__init__(seconds=0.5)
        self._fault = fault

    async def open_session(self) -> InProcessSession:
        return FaultySession(self, self._fault)


class FaultySelector:
    reserve_seconds = 1.0

    def __init__(self, fault: Fault) -> None:
        self._fault = fault

    async def select(self, **_: object) -> Selection:
        self._fault.strike("selector")
        return Selection(None, SelectionReason.FAILED)


def its_answer(number: int) -> int:
    return 100 + number


def reply(text: str, sampling: Sampling) -> Reply:
    """Runs a program, then boxes the problem's answer; two rollouts of eight box another."""
    number = int(text.partition("Problem ")[2].partition("?")[0])
    if "```output" not in text:
        return Reply(code(f"print({its_answer(number)})"), tokens_per_chunk=9)
    wrong = (sampling.seed or 0) % 4 == 0
    return Reply(boxed(7 if wrong else its_answer(number)), tokens_per_chunk=9)


def make_solver(fault: Fault, folder: RunFolder, log: Callable[[str], None]) -> tuple[Solver, ScriptedEngine]:
    engine = ScriptedEngine(reply, tokenizer=FaultyTokenizer(fault))  # pyright: ignore[reportArgumentType]  # by __getattr__
    observer = Observers([Recorder(folder), FaultyScreen(fault)], log)
    rollouts = EngineRollouts(
        RolloutParts(
            engine=engine,
            sandbox=FaultySandbox(fault),
            dialect=NuminaDialect(),
            settings=RolloutSettings(max_tokens=400, flush_seconds=2.0),
            rule=ANY_INTEGER,
            observer=observer,
            log=log,
        )
    )
    settings = NemoSkillsSettings(rollouts=ROLLOUTS, concurrent=ROLLOUTS, base_seconds=60.0)
    solver = Solver(
        rollouts=rollouts,
        policy=AdjustedPolicy(NemoSkillsPolicy(settings), early_stop=False),
        rule=ANY_INTEGER,
        observer=observer,
        selector=FaultySelector(fault),
        log=log,
    )
    return solver, engine


def answers(fault: Fault, path: Path, *, served: bool) -> list[int]:
    """Returns the answers of a kernel's way (`served`) or a replay's."""
    problems = [Problem(f"p{number}", f"Problem {number}?") for number in range(PROBLEMS)]

    def log(line: str) -> None:
        fault.strike("log")

    async def run() -> list[int]:
        with FaultyFolder(path, {}, warn=lambda line: None) as folder:
            folder.fault = fault
            solver, engine = make_solver(fault, folder, log)
            await engine.start()
            ledger = Ledger(asyncio.get_running_loop().time(), 1e5, problems_left=PROBLEMS)
            answerer = SolverAnswerer(solver, ledger=ledger, folder=folder, log=log)
            given: dict[str, int] = {}
            for problem in problems:
                fault.new_problem()
                if served:
                    given[problem.id] = await answerer.answer(problem)
                    continue
                (solution,) = await replay(
                    [solver],
                    ProblemSet(problem.id, (problem,)),
                    limits=RunLimits(1e5, 1.0),
                    folder=folder,
                    finished=lambda solution: fault.strike("recorder"),
                )
                given[problem.id] = solution.answer
            return list(given.values())

    return run_virtual(run())


@pytest.mark.parametrize("served", [True, False], ids=["served", "replayed"])
@pytest.mark.parametrize("part", PARTS)
def test_every_problem_gets_the_vote_it_would_have_had(tmp_path: Path, part: str, *, served: bool) -> None:
    for number, make_error in enumerate(ERRORS):
        fault = Fault(part, make_error, seed=number)
        given = answers(fault, tmp_path / str(number), served=served)
        assert given == [its_answer(place) for place in range(PROBLEMS)], make_error()
        assert fault.raised >= PROBLEMS / 2 or part == "log", "the fault was not injected"
