"""Fakes for tests of the upper layers: a sandbox in the test's own process, and a solver on fakes."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForms
from aimo_solver.config.policy_settings import NemoSkillsSettings
from aimo_solver.config.settings import RolloutSettings
from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.numina import NuminaDialect
from aimo_solver.engine.base import Engine, Sampling
from aimo_solver.engine.scripted import ByteTokenizer, Reply, ScriptedEngine
from aimo_solver.errors import SandboxError
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.policies.policy import Policy
from aimo_solver.problems.problem import ANY_INTEGER, AnswerRule, Problem
from aimo_solver.rollouts.engine_rollouts import EngineRollouts
from aimo_solver.rollouts.parts import RolloutParts
from aimo_solver.sandbox.base import ExecutionResult, ExecutionStatus
from aimo_solver.sandbox.inside.cell import run_cell
from aimo_solver.solver.observer import Observer
from aimo_solver.solver.solution import Solution
from aimo_solver.solver.solver import Solver

TOKENIZER = ByteTokenizer(("```output\n", "\\boxed{"))
PROBLEM = Problem("p1", "What is 6 times 7?", gold=42)
PROMPT = f"user: {PROBLEM.text}<|end|>\nassistant: "


class InProcessSandbox:
    """Runs cells in the test's process, each in `seconds` of virtual time. Raises `failure` if there is one."""

    def __init__(self, seconds: float = 0.0, failure: SandboxError | None = None) -> None:
        self.seconds, self.failure = seconds, failure
        self.open_sessions = 0
        self.cells: list[str] = []

    async def open_session(self) -> InProcessSession:
        if self.failure is not None:
            raise self.failure
        self.open_sessions += 1
        return InProcessSession(self)

    async def layers(self) -> dict[str, str]:
        if self.failure is not None:
            raise self.failure
        return {"limits": "off: it runs in this process"}

    async def close(self) -> None:
        pass


class InProcessSession:
    """A session with a namespace that lasts from cell to cell."""

    def __init__(self, sandbox: InProcessSandbox) -> None:
        self._sandbox = sandbox
        self._namespace: dict[str, Any] = {"__name__": "__main__"}
        self._open = True

    async def execute(self, code: str, timeout_seconds: float, *, keep: bool = True) -> ExecutionResult:
        if not self._open:
            raise SandboxError("the session is closed; open a new one")
        await asyncio.sleep(min(self._sandbox.seconds, timeout_seconds))
        self._sandbox.cells.append(code)
        stdout = io.StringIO()
        with contextlib.redirect_stdout(stdout):
            outcome = run_cell(code, self._namespace if keep else _copied(self._namespace))
        return ExecutionResult(
            status=ExecutionStatus(outcome.status),
            stdout=stdout.getvalue(),
            error=outcome.error,
            seconds=self._sandbox.seconds,
        )

    async def close(self) -> None:
        if self._open:
            self._open = False
            self._sandbox.open_sessions -= 1


def _copied(namespace: dict[str, Any]) -> dict[str, Any]:
    """Returns a copy with its own values, except Python's own names and modules."""
    shared = {name: value for name, value in namespace.items() if name[:2] == "__" or isinstance(value, ModuleType)}
    return shared | copy.deepcopy({name: value for name, value in namespace.items() if name not in shared})


ReplyToText = Callable[[str, Sampling], Reply]
"""Maps what was written after the prompt, tool output included, to the reply."""


@dataclass
class SolverHarness:
    """A solver with a scripted engine and a fake sandbox. Make and use it inside a running loop."""

    reply: ReplyToText
    settings: RolloutSettings = field(default_factory=lambda: RolloutSettings(max_tokens=400, flush_seconds=2.0))
    policy: Policy = field(
        default_factory=lambda: NemoSkillsPolicy(NemoSkillsSettings(rollouts=4, concurrent=4, base_seconds=60.0))
    )
    rule: AnswerRule = ANY_INTEGER
    forms: AnswerForms = BOXED_ONLY
    dialect: Dialect = field(default_factory=NuminaDialect)
    sandbox: InProcessSandbox = field(default_factory=InProcessSandbox)
    observer: Observer = field(default_factory=Observer)
    context_tokens: int = 4096
    seed: int = 0
    engine: ScriptedEngine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = ScriptedEngine(self.answer, tokenizer=TOKENIZER, context_tokens=self.context_tokens)

    def answer(self, prompt_text: str, sampling: Sampling) -> Reply:
        """Returns the reply to a request to the engine."""
        return self.reply(prompt_text.removeprefix(PROMPT), sampling)

    async def solve(self, *, engine: Engine | None = None, total_seconds: float = 1000.0) -> Solution:
        await self.engine.start()
        rollouts = EngineRollouts(
            RolloutParts(
                engine=engine or self.engine,
                sandbox=self.sandbox,
                dialect=self.dialect,
                settings=self.settings,
                rule=self.rule,
                forms=self.forms,
                observer=self.observer,
            )
        )
        solver = Solver(
            rollouts=rollouts, policy=self.policy, rule=self.rule, base_seed=self.seed, observer=self.observer
        )
        ledger = Ledger(asyncio.get_running_loop().time(), total_seconds, problems_left=1)
        return await solver.solve(PROBLEM, ledger)


def boxed(answer: object) -> str:
    """Returns a last turn."""
    return f"The answer is $\\boxed{{{answer}}}$."


def code(program: str) -> str:
    """Returns a turn that asks to run a program."""
    return f"```python\n{program}\n```\n```output\n"
