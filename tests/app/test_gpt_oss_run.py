"""A gpt-oss checkpoint on real vLLM, from its prompt to its votes: calls, replies, flushes, its own ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from openai_harmony import HarmonyEncodingName, Role, load_harmony_encoding

from aimo_solver.app.options import Overrides, RunOptions, choose_options
from aimo_solver.app.runtime import open_runtime
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.policies.ledger import Ledger
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.trajectory import StopReason, Turn
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.solver.observer import Observer
from aimo_solver.solver.solution import Solution
from tests.helpers.gpt_oss import ANSWER, CODE, write_gpt_oss

pytestmark = pytest.mark.engine

PROBLEM = Problem("product", "What is $17 \\cdot 19$?", gold=ANSWER)
ROLLOUTS = 16


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gpt_oss(tmp_path_factory.mktemp("checkpoints") / "gpt-oss")


@pytest.fixture(scope="module")
def solution(checkpoint: Path) -> Solution:
    pytest.importorskip("vllm")
    wanted = Overrides(rollouts=ROLLOUTS, early_stop=False, max_tokens=400)
    return asyncio.run(_solve(choose_options(checkpoint, preset="aimo3-public", hardware="cpu", overrides=wanted)))


async def _solve(options: RunOptions) -> Solution:
    now = asyncio.get_running_loop().time()
    async with open_runtime(options, print, now + 3600.0, canary=None) as runtime:
        ledger = Ledger(asyncio.get_running_loop().time(), 600.0, problems_left=1)
        return await runtime.make_solver(Observer()).solve(PROBLEM, ledger)


def turns_of(solution: Solution) -> list[Turn]:
    return [turn for trajectory in solution.trajectories for turn in trajectory.turns]


def test_the_checkpoint_reads_text_as_gpt_oss_does(checkpoint: Path) -> None:
    tokenizer = HfTokenizer(checkpoint)
    encoding = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)
    text = Path(__file__).read_text(encoding="utf-8") + "Größe 日本 🙂 12345 <|start|>user<|message|>x<|end|>"
    assert tokenizer.encode(text) == encoding.encode(text, allowed_special="all")
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_call_runs_and_its_reply_is_read(solution: Solution) -> None:
    calls = [turn for turn in turns_of(solution) if turn.code == CODE]
    assert calls
    assert all(turn.text.endswith("<|call|>") and turn.output == str(ANSWER) for turn in calls)
    assert {turn.status for turn in calls} == {ExecutionStatus.OK}


def test_a_rollout_that_boxes_its_answer_votes(solution: Solution) -> None:
    answered = [one for one in solution.trajectories if one.stop_reason is StopReason.ANSWERED]
    assert answered
    assert {one.answer for one in answered} == {ANSWER}
    assert solution.answer == ANSWER


def test_a_rollout_that_ends_without_a_box_is_asked(solution: Solution) -> None:
    asked = [one for one in solution.trajectories if any(turn.flush for turn in one.turns)]
    assert asked
    assert all(one.stop_reason is StopReason.FLUSHED and one.answer == ANSWER for one in asked)
    assert all(one.answer is not None for one in solution.trajectories)


def test_everything_written_is_a_conversation_in_harmony(solution: Solution) -> None:
    """The format's own reader takes every turn, whatever it was that ended it."""
    encoding = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)
    for trajectory in solution.trajectories:
        for turn in trajectory.turns:
            if turn.flush:
                continue
            ids = encoding.encode(turn.text, allowed_special="all")
            assert encoding.parse_messages_from_completion_tokens(ids, Role.ASSISTANT)
