"""The life cycle of rollouts: stop reasons, the time kept for a flush, and what is logged."""

from __future__ import annotations

import asyncio

import pytest

from aimo_solver.config.settings import RolloutSettings
from aimo_solver.dialects.numina import NuminaDialect
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply, ScriptedEngine
from aimo_solver.errors import EngineError, EngineLoadError, SandboxError
from aimo_solver.problems.problem import ANY_INTEGER
from aimo_solver.rollouts.base import RolloutTask
from aimo_solver.rollouts.engine_rollouts import EngineRollouts
from aimo_solver.rollouts.life_cycle import FLUSH_SHARE, stop_reason
from aimo_solver.rollouts.parts import RolloutParts
from aimo_solver.rollouts.trajectory import StopReason, Trajectory
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.utils.deadline import Deadline
from aimo_solver.utils.log import Log
from tests.helpers.fakes import PROBLEM, TOKENIZER, InProcessSandbox, InProcessSession, boxed, code


class UnopenableSandbox(InProcessSandbox):
    """Fails with an error that no sandbox should raise."""

    async def open_session(self) -> InProcessSession:
        raise OSError("no descriptors left")


def run_rollout(
    reply: Reply, *, sandbox: InProcessSandbox | None = None, flush_seconds: float = 2.0, log: Log = lambda line: None
) -> Trajectory:
    """Runs one rollout with 20 seconds, whose every turn is `reply`."""

    async def story() -> Trajectory:
        def answer(prompt_text: str, sampling: Sampling) -> Reply:
            return reply

        engine = ScriptedEngine(answer, tokenizer=TOKENIZER, context_tokens=4096)
        await engine.start()
        parts = RolloutParts(
            engine=engine,
            sandbox=sandbox or InProcessSandbox(),
            dialect=NuminaDialect(),
            settings=RolloutSettings(max_tokens=400, flush_seconds=flush_seconds),
            rule=ANY_INTEGER,
            log=log,
        )
        now = asyncio.get_running_loop().time()
        task = RolloutTask(
            problem=PROBLEM, run=0, index=3, seed=7, problem_started_at=now, deadline=Deadline(now + 20.0)
        )
        return await EngineRollouts(parts).open(task).run()

    return run_virtual(story())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), StopReason.DEADLINE),
        (EngineError("dead"), StopReason.ENGINE_FAILED),
        (EngineLoadError("dead"), StopReason.ENGINE_FAILED),
        (SandboxError("dead"), StopReason.SANDBOX_FAILED),
        (OSError("no descriptors left"), StopReason.FAILED),
    ],
)
def test_every_error_has_a_stop_reason(error: Exception, reason: StopReason) -> None:
    assert stop_reason(error) is reason


def test_a_flush_takes_no_more_than_its_share_of_the_problems_time() -> None:
    trajectory = run_rollout(Reply("x" * 400, seconds_per_chunk=1.0), flush_seconds=1000.0)
    assert trajectory.turns[-1].flush
    assert trajectory.turns[0].seconds == pytest.approx(20.0 * (1 - FLUSH_SHARE))


def test_an_unexpected_error_is_logged_with_its_problem_and_rollout() -> None:
    lines: list[str] = []
    trajectory = run_rollout(Reply(code("1")), sandbox=UnopenableSandbox(), log=lines.append)
    assert trajectory.stop_reason is StopReason.FAILED
    assert lines == ["p1, rollout 3: OSError: no descriptors left"]


def test_an_error_that_has_a_stop_reason_is_not_logged() -> None:
    lines: list[str] = []
    run_rollout(Reply("abc", dies_after_tokens=1), log=lines.append)
    assert lines == []


def test_a_log_that_cannot_be_written_does_not_end_the_run() -> None:
    def broken(line: str) -> None:
        raise OSError("no space left")

    trajectory = run_rollout(Reply(code("1")), sandbox=UnopenableSandbox(), log=broken)
    assert trajectory.stop_reason is StopReason.FAILED


def test_an_answer_written_before_an_unexpected_error_counts() -> None:
    trajectory = run_rollout(Reply(boxed(42) + code("1")), sandbox=UnopenableSandbox())
    assert (trajectory.answer, trajectory.stop_reason) == (42, StopReason.ANSWERED)
