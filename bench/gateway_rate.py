"""Milliseconds per problem from a gateway to the solver and back, without generation.

The engine is the scripted one, which answers at once, so only our own code is measured: frames, threads,
event loop, policy, 16 rollouts, votes and the run folder.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console

from aimo_solver.config.policy_settings import NemoSkillsSettings
from aimo_solver.config.settings import RolloutSettings
from aimo_solver.dialects.numina import NuminaDialect
from aimo_solver.engine.scripted import ByteTokenizer, Reply, ScriptedEngine
from aimo_solver.kaggle.gateways.answerer import Answerer, SolverAnswerer
from aimo_solver.kaggle.gateways.predict import make_predict
from aimo_solver.kaggle.gateways.predictor import Predictor
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.problems.problem import answer_rule
from aimo_solver.rollouts.engine_rollouts import EngineRollouts
from aimo_solver.rollouts.parts import RolloutParts
from aimo_solver.runs.writer import RunFolder
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from aimo_solver.solver.solver import Solver

PROBLEMS = 200
RULE = answer_rule("aimo3")
TARGET_MILLISECONDS = 20.0


def main(problems: Annotated[int, typer.Option(min=20, help="Problems to ask.")] = PROBLEMS) -> None:
    """Measures milliseconds per problem without generation: median and p95 (target: p95 under 20)."""
    with tempfile.TemporaryDirectory() as scratch:
        milliseconds = [1000 * seconds for seconds in _measure(problems, Path(scratch, "run"))]
    p95 = statistics.quantiles(milliseconds, n=20)[-1]
    Console().print(
        f"gateway to solver and back, {problems} problems x 16 rollouts, without generation: "
        f"median {statistics.median(milliseconds):.1f} ms, p95 {p95:.1f} ms (target: under {TARGET_MILLISECONDS:g})"
    )


def _measure(problems: int, place: Path) -> list[float]:
    """Returns the seconds per problem that the gateway sees."""

    @asynccontextmanager
    async def open_answerer() -> AsyncGenerator[Answerer]:
        engine = ScriptedEngine(_reply, tokenizer=ByteTokenizer())
        await engine.start()
        sandbox = ProcessSandbox(preload=())
        rollouts = EngineRollouts(
            RolloutParts(
                engine=engine,
                sandbox=sandbox,
                dialect=NuminaDialect(),
                settings=RolloutSettings(),
                rule=RULE,
            )
        )
        solver = Solver(
            rollouts=rollouts,
            policy=NemoSkillsPolicy(NemoSkillsSettings(agree=0, finished_share=1.0)),
            rule=RULE,
        )
        with RunFolder(place, {}) as folder:
            yield SolverAnswerer(
                solver,
                ledger=Ledger(time.monotonic(), 3600.0, problems_left=problems),
                folder=folder,
                log=lambda _: None,
            )
        await sandbox.close()

    predictor = Predictor(open_answerer, rule=RULE, ends_at=time.monotonic() + 3600.0, log=lambda _: None)
    predictor.start()
    predict, seconds = make_predict(predictor.answer), list[float]()
    for number in range(problems + 1):
        begun = time.perf_counter()
        predict(pl.Series([f"p{number}"]), pl.Series(["How many integers from $1$ to $90$ are prime to $12$?"]))
        seconds.append(time.perf_counter() - begun)
    predictor.close()
    return seconds[1:]  # The first includes loading.


def _reply(text: str, sampling: object) -> Reply:
    return Reply("It is $\\boxed{30}$.", tokens_per_chunk=1000, seconds_per_chunk=0.0)


if __name__ == "__main__":
    typer.run(main)
