"""A hundred faults between a gateway and its answer: each problem still gets one valid row, in time.

The scripted engine dies, hangs and writes nonsense; sandbox and solver fail; statements are missing
or broken. The supervisor, the solver, the predictor and the frames are the real ones.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from aimo_solver.config.policy_settings import NemoSkillsSettings
from aimo_solver.config.settings import RolloutSettings
from aimo_solver.dialects.numina import NuminaDialect
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply, ScriptedEngine
from aimo_solver.engine.supervised import SupervisedEngine
from aimo_solver.errors import SandboxError
from aimo_solver.kaggle.gateways.answerer import Answerer, SolverAnswerer
from aimo_solver.kaggle.gateways.local_gateway import checked_answer
from aimo_solver.kaggle.gateways.predict import make_predict
from aimo_solver.kaggle.gateways.predictor import LATE_SECONDS, Predictor
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.engine_rollouts import EngineRollouts
from aimo_solver.rollouts.parts import RolloutParts
from aimo_solver.runs.writer import RunFolder
from aimo_solver.solver.observer import Observer
from aimo_solver.solver.solution import Solution
from aimo_solver.solver.solver import GRACE_SECONDS, Solver
from tests.helpers.contests import AIMO3
from tests.helpers.fakes import TOKENIZER, InProcessSandbox, boxed, code

GRANTED_SECONDS = 0.3
FAULTS = 100


class FaultInjector(Observer):
    """Makes the current problem fail in the way that `kind` names."""

    def __init__(self) -> None:
        self.kind = "none"
        self.sandbox = InProcessSandbox()

    def reply(self, text: str, sampling: Sampling) -> Reply:
        quick = Reply(code("print(6 * 7)") if "```output" not in text else boxed(42), seconds_per_chunk=0.001)
        changes: dict[str, dict[str, Any]] = {
            "engine dies": {"dies_after_tokens": 3},
            "engine wedges": {"hangs_after_tokens": 0},
            "engine crawls": {"seconds_per_chunk": 5.0},
            "nonsense": {"text": "\ufffd\x00 \\boxed{" * 50},
            "no box": {"text": "I do not know."},
            "huge answer": {"text": boxed("9" * 5000)},
        }
        return replace(quick, **changes.get(self.kind, {}))

    def problem_started(self, problem: Problem, run: int, grant: object) -> None:
        if self.kind == "solver raises":
            raise RuntimeError("injected")
        if self.kind == "solver exits":
            raise SystemExit(3)

    def problem_finished(self, solution: Solution) -> None:
        if self.kind == "the end raises":
            raise MemoryError("injected")


STATEMENTS: dict[str, object] = {
    "empty problem": "",
    "no text": 12,
    "nothing": None,
    "200,000 characters": "Find $x$. " * 20_000,
    "broken text": "What is \ud800 1 + 1?",
}
KINDS = (
    "none", "engine dies", "engine wedges", "engine crawls", "nonsense", "no box", "huge answer", "sandbox fails",
    "solver raises", "solver exits", "the end raises", *STATEMENTS,
)  # fmt: skip


@pytest.fixture
def predict(tmp_path: Path) -> Callable[[], tuple[FaultInjector, Callable[..., pl.DataFrame], Predictor]]:
    def make() -> tuple[FaultInjector, Callable[..., pl.DataFrame], Predictor]:
        injector = FaultInjector()
        ends_at = time.monotonic() + 3600.0

        @asynccontextmanager
        async def open_answerer() -> AsyncGenerator[Answerer]:
            def log(line: str) -> None:
                pass

            engine = SupervisedEngine(
                lambda: ScriptedEngine(injector.reply, tokenizer=TOKENIZER),
                stall_seconds=0.1,
                max_restarts=10**6,
                pause_seconds=0.0,
                log=log,
            )
            await engine.start()
            settings = RolloutSettings(max_tokens=200, flush_seconds=0.05, code_timeout_seconds=1.0)
            rollouts = EngineRollouts(
                RolloutParts(
                    engine=engine,
                    sandbox=injector.sandbox,
                    dialect=NuminaDialect(),
                    settings=settings,
                    rule=AIMO3,
                    observer=injector,
                )
            )
            policy = NemoSkillsPolicy(
                NemoSkillsSettings(rollouts=4, concurrent=4, base_seconds=GRANTED_SECONDS, buffer_seconds=0.0)
            )
            ledger = Ledger(time.monotonic(), 3600.0, problems_left=FAULTS)
            with RunFolder(tmp_path / "run", {}) as folder:
                yield SolverAnswerer(
                    Solver(rollouts=rollouts, policy=policy, rule=AIMO3, observer=injector),
                    ledger=ledger,
                    folder=folder,
                    log=log,
                )
            await engine.stop()

        predictor = Predictor(open_answerer, rule=AIMO3, ends_at=ends_at, log=lambda line: None)
        predictor.start()
        return injector, make_predict(predictor.answer), predictor

    return make


def test_a_hundred_injected_faults_give_a_hundred_valid_rows_in_time(
    predict: Callable[[], tuple[FaultInjector, Callable[..., pl.DataFrame], Predictor]],
) -> None:
    injector, ask, predictor = predict()
    rng = Random(0)
    kinds = [*KINDS, *rng.choices(KINDS, k=FAULTS - len(KINDS) - 1), "none"]
    answers: list[int] = []
    try:
        for number, kind in enumerate(kinds):
            injector.kind = kind
            injector.sandbox.failure = SandboxError("injected") if kind == "sandbox fails" else None
            statement = STATEMENTS.get(kind, "What is 6 times 7?")
            started_at = time.monotonic()
            row = ask(
                pl.Series("id", [f"p{number}"]),
                statement if kind in ("broken text", "nothing") else pl.Series([statement]),
            )
            assert time.monotonic() - started_at < GRANTED_SECONDS + 2 * GRACE_SECONDS + LATE_SECONDS, kind
            answers.append(checked_answer(f"p{number}", row, AIMO3))
    finally:
        predictor.close(5.0)
    assert answers[0] == answers[-1] == 42  # Without a fault the answer is right, even after all the others.
