"""Budget forcing and prefill: thinking that is opened, kept going, and given up."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import pytest

from aimo_solver.config.names import CodeMode
from aimo_solver.config.policy_settings import NemoSkillsSettings
from aimo_solver.config.settings import DeepConfSettings, RolloutSettings
from aimo_solver.dialects.dialect import open_thought
from aimo_solver.dialects.prompt import prefilled_prompt
from aimo_solver.engine.base import Completion, Sampling, TokenLogprob
from aimo_solver.engine.scripted import Reply, ScriptedEngine
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.rollouts.generation import Generation
from aimo_solver.rollouts.trajectory import StopReason, Trajectory
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.solver.solution import Solution
from tests.helpers.fakes import TOKENIZER, SolverHarness, boxed, code
from tests.rollouts.test_rollout import ONE, SETTINGS


def attempt(settings: RolloutSettings, *turns: str) -> tuple[Trajectory, list[str]]:
    """A rollout that says `turns`, and what stood before each of them."""
    seen: list[str] = []

    def reply(text: str, sampling: Sampling) -> Reply:
        seen.append(text)
        return Reply(turns[len(seen) - 1])

    async def story() -> Trajectory:
        return (await SolverHarness(reply, settings, ONE).solve()).trajectories[0]

    return run_virtual(story()), seen


def test_s1_the_end_of_thinking_is_taken_back() -> None:
    settings = replace(SETTINGS, waits=1)
    trajectory, seen = attempt(settings, "<think>It is 7.</think>So 7.", " no, it is 42.</think>" + boxed(42))
    assert seen[1] == "<think>It is 7.Wait"
    assert trajectory.answer == 42
    assert [turn.text for turn in trajectory.turns][:2] == [
        "<think>It is 7.",
        "Wait no, it is 42.</think>" + boxed(42) + "<|end|>",
    ]


def test_s1_without_thinking_tags_the_end_of_the_turn_is_taken_back() -> None:
    trajectory, seen = attempt(replace(SETTINGS, waits=2, wait_text="\nWait"), boxed(7), " 8?", boxed(42))
    assert seen[1:] == [boxed(7) + "\nWait", boxed(7) + "\nWait 8?\nWait"]
    assert trajectory.answer == 42


def test_s1_what_is_written_for_the_model_costs_it_no_tokens() -> None:
    plain, _ = attempt(SETTINGS, boxed(42))
    waited, _ = attempt(replace(SETTINGS, waits=1), boxed(42), "")
    assert waited.tokens == plain.tokens  # Its end of turn was taken back, and written once more.


def test_s1_tokens_count_across_rounds() -> None:
    """A known fault of the original: each round got the full cap."""
    settings = replace(SETTINGS, waits=3, max_tokens=60, flush_tokens=8)
    trajectory, _ = attempt(settings, "x" * 30, "y" * 50, "42}")
    generated = [turn.tokens for turn in trajectory.turns if not turn.flush]
    assert sum(generated) <= 60
    assert trajectory.stop_reason is StopReason.FLUSHED and trajectory.answer == 42


def test_a_call_is_no_end() -> None:
    trajectory, seen = attempt(replace(SETTINGS, waits=1), code("print(6 * 7)"), boxed(7), boxed(42))
    assert seen[2].endswith(boxed(7) + "Wait") and trajectory.answer == 42


# Prefill


@pytest.mark.parametrize(
    ("prompt", "opened"),
    [
        ("assistant: ", "assistant: <think>\n"),
        ("assistant: <think>\n", "assistant: <think>\n"),
        ("assistant: <think>", "assistant: <think>"),
        ("say <think>\nassistant: ", "say <think>\nassistant: <think>\n"),
    ],
)
def test_open_r1_thinking_is_opened_where_the_template_does_not(prompt: str, opened: str) -> None:
    tokens = prefilled_prompt(TOKENIZER.encode(prompt), "<think>\n", TOKENIZER)
    assert TOKENIZER.decode(tokens) == opened


def test_no_prefill_changes_nothing() -> None:
    assert prefilled_prompt([1, 2, 3], "", TOKENIZER) == [1, 2, 3]


def test_thinking_that_the_prompt_opened_is_closed_by_a_flush() -> None:
    settings = replace(SETTINGS, prefill="<think>\n", max_tokens=20)
    trajectory, seen = attempt(settings, "x" * 50, "42}")
    assert seen[0] == "<think>\n"
    assert seen[1].endswith("x</think>\nThe answer is $\\boxed{") and trajectory.answer == 42


def test_a_thought_is_open_when_nothing_closed_it() -> None:
    assert open_thought("assistant\n<think>\n") == "<think>\n"
    assert open_thought("<think></think>assistant\n") == open_thought("assistant\n") == ""


# DeepConf's online stop


class SureEngine(ScriptedEngine):
    """Tokens are as sure as the digit they are."""

    async def generate(self, prompt_token_ids: Sequence[int], sampling: Sampling) -> AsyncGenerator[Completion, None]:
        async for piece in super().generate(prompt_token_ids, sampling):
            sure = [chr(token_id) for token_id in piece.token_ids]
            logprobs = [TokenLogprob(0, -1.0, {0: -float(digit) if digit.isdigit() else -9.0}) for digit in sure]
            yield replace(piece, logprobs=tuple(logprobs))


def test_a_rollout_less_sure_than_those_before_is_given_up() -> None:
    settings = replace(SETTINGS, logprobs=1, deepconf=DeepConfSettings(window_tokens=4, warm_up=2, keep_share=1.0))
    texts = iter(["8888 " + boxed(42), "7777 " + boxed(42), "9999 1111 2222 3333 " + boxed(7), "9999 " + boxed(42)])

    async def story() -> Solution:
        stage = SolverHarness(
            lambda text, sampling: Reply(next(texts)),
            settings,
            NemoSkillsPolicy(NemoSkillsSettings(rollouts=4, concurrent=1, agree=0, finished_share=1.0, base_seconds=60.0)),
        )
        stage.engine = SureEngine(stage.answer, tokenizer=TOKENIZER)
        return await stage.solve()

    third = run_virtual(story()).trajectories[2]
    assert (third.answer, third.stop_reason) == (None, StopReason.UNSURE)
    assert third.tokens < 20


def test_code_that_is_off_stays_off_while_the_model_is_told_to_wait() -> None:
    settings = replace(SETTINGS, code=CodeMode.OFF, waits=1, max_tokens=40, flush_tokens=8)
    trajectory, _ = attempt(settings, code("print(1)") + "x" * 60, "42}")
    assert trajectory.code_calls == 0


def test_a_marker_that_is_not_there_takes_nothing_back() -> None:
    generation = Generation(0.0)
    generation.token_ids = TOKENIZER.encode("abc")
    generation.cut_before("</think>", TOKENIZER.decode)
    assert TOKENIZER.decode(generation.token_ids) == "abc"
