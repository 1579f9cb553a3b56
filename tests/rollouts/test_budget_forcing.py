"""Budget forcing: thinking that is kept going, and given up."""

from __future__ import annotations

from dataclasses import replace

from aimo_solver.config.names import CodeMode
from aimo_solver.rollouts.trajectory import StopReason
from tests.helpers.fakes import boxed, code
from tests.helpers.single_rollout import SETTINGS, attempt


def test_the_end_of_thinking_is_replaced_by_a_wait() -> None:
    settings = replace(SETTINGS, waits=1)
    trajectory, seen = attempt(settings, "<think>It is 7.</think>So 7.", " no, it is 42.</think>" + boxed(42))
    assert seen[1] == "<think>It is 7.Wait"
    assert trajectory.answer == 42
    assert [turn.text for turn in trajectory.turns][:2] == [
        "<think>It is 7.",
        "Wait no, it is 42.</think>" + boxed(42) + "<|end|>",
    ]


def test_without_thinking_tags_the_end_of_the_turn_is_replaced() -> None:
    trajectory, seen = attempt(replace(SETTINGS, waits=2, wait_text="\nWait"), boxed(7), " 8?", boxed(42))
    assert seen[1:] == [boxed(7) + "\nWait", boxed(7) + "\nWait 8?\nWait"]
    assert trajectory.answer == 42


def test_what_is_written_for_the_model_costs_it_no_tokens() -> None:
    plain, _ = attempt(SETTINGS, boxed(42))
    waited, _ = attempt(replace(SETTINGS, waits=1), boxed(42), "")
    assert waited.tokens == plain.tokens  # Its end of turn was taken back, and written once more.


def test_the_token_limit_holds_across_waits() -> None:
    settings = replace(SETTINGS, waits=3, max_tokens=60, flush_tokens=8)
    trajectory, _ = attempt(settings, "x" * 30, "y" * 50, "42}")
    generated = [turn.tokens for turn in trajectory.turns if not turn.flush]
    assert sum(generated) <= 60
    assert trajectory.stop_reason is StopReason.FLUSHED and trajectory.answer == 42


def test_a_call_is_not_replaced_by_a_wait() -> None:
    trajectory, seen = attempt(replace(SETTINGS, waits=1), code("print(6 * 7)"), boxed(7), boxed(42))
    assert seen[2].endswith(boxed(7) + "Wait") and trajectory.answer == 42


def test_thinking_that_the_prompt_opened_is_closed_by_a_flush() -> None:
    settings = replace(SETTINGS, prefill="<think>\n", max_tokens=20)
    trajectory, seen = attempt(settings, "x" * 50, "42}")
    assert seen[0] == "<think>\n"
    assert seen[1].endswith("x</think>\nThe answer is $\\boxed{") and trajectory.answer == 42


def test_code_that_is_off_stays_off_while_the_model_is_made_to_wait() -> None:
    settings = replace(SETTINGS, code=CodeMode.OFF, waits=1, max_tokens=40, flush_tokens=8)
    trajectory, _ = attempt(settings, code("print(1)") + "x" * 60, "42}")
    assert trajectory.code_calls == 0
