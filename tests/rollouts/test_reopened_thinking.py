"""A template that opens thinking for every turn opens it again after a tool's reply, and a flush closes it."""

from __future__ import annotations

import asyncio
import json

import pytest

from aimo_solver.config.names import SearchMethod
from aimo_solver.config.settings import RolloutSettings, SearchSettings
from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.hermes import HERMES
from aimo_solver.dialects.openmath import OPENMATH
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply, ScriptedEngine
from aimo_solver.problems.problem import ANY_INTEGER
from aimo_solver.rollouts.base import RolloutTask
from aimo_solver.rollouts.engine_rollouts import EngineRollouts
from aimo_solver.rollouts.parts import RolloutParts
from aimo_solver.rollouts.search import SearchRollouts
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.utils.deadline import Deadline
from tests.helpers.fakes import PROBLEM, InProcessSandbox
from tests.helpers.opening_tokenizer import OPENED, OpeningTokenizer

CALL = '<tool_call>\n{"name": "python", "arguments": ' + json.dumps({"code": "print(6 * 7)"}) + "}\n</tool_call>"
FIRST = f"Let me compute.\n</think>\n{CALL}"
SEARCH = SearchSettings(method=SearchMethod.MCTS, simulations=1, depth=4, width=1)


def run_rollout(
    dialect: Dialect, first: str, *, search: SearchSettings | None = None, then: str = "So it is about"
) -> tuple[Trajectory, list[str]]:
    """Runs a rollout that calls, then writes `then`, then is asked for its answer; returns the prompts it had."""
    seen: list[str] = []

    def reply(prompt_text: str, sampling: Sampling) -> Reply:
        seen.append(prompt_text)
        return Reply("42}$" if prompt_text.endswith("\\boxed{") else first if len(seen) == 1 else then)

    async def story() -> Trajectory:
        engine = ScriptedEngine(reply, tokenizer=OpeningTokenizer(), context_tokens=4096)
        await engine.start()
        parts = RolloutParts(
            engine=engine,
            sandbox=InProcessSandbox(),
            dialect=dialect,
            settings=RolloutSettings(max_tokens=2000, flush_seconds=2.0),
            rule=ANY_INTEGER,
        )
        now = asyncio.get_running_loop().time()
        task = RolloutTask(
            problem=PROBLEM, run=0, index=0, seed=7, problem_started_at=now, deadline=Deadline(now + 500.0)
        )
        source = EngineRollouts(parts) if search is None else SearchRollouts(parts, search=search)
        return await source.open(task).run()

    return run_virtual(story()), seen


@pytest.mark.parametrize("search", [None, SEARCH], ids=["rollout", "tree"])
def test_thinking_is_opened_again_after_a_reply(search: SearchSettings | None) -> None:
    _, seen = run_rollout(HERMES, FIRST, search=search)
    assert seen[0].endswith(f"<|im_start|>assistant\n{OPENED}")
    assert seen[1].endswith(f"</tool_response><|im_end|>\n<|im_start|>assistant\n{OPENED}")


@pytest.mark.parametrize("search", [None, SEARCH], ids=["rollout", "tree"])
def test_a_flush_closes_the_thinking_that_was_opened_again(search: SearchSettings | None) -> None:
    trajectory, seen = run_rollout(HERMES, FIRST, search=search)
    continued = seen[-1].rpartition(OPENED)[2]
    assert continued == "So it is about</think>\nThe answer is $\\boxed{"
    assert trajectory.answer == 42


def test_thinking_that_the_model_has_ended_is_not_closed_again() -> None:
    _, seen = run_rollout(HERMES, FIRST, then="Yes.\n</think>\n\nSo it is about")
    assert seen[-1].rpartition(OPENED)[2].count("</think>") == 1


def test_a_reply_inside_the_same_turn_opens_nothing() -> None:
    call = "Let me compute.\n</think>\n\n<tool_call>\nprint(6 * 7)\n</tool_call>"
    _, seen = run_rollout(OPENMATH, call)
    assert seen[1].endswith("\n```output\n42\n```\n")
    assert "</think>" not in seen[-1].rpartition("```\n")[2]
