"""The flush: every rollout that ends without an answer is asked for it, once, within its tokens and its time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.config.answer_settings import AnswerForm
from aimo_solver.config.settings import RolloutSettings
from aimo_solver.dialects.cot import CotDialect
from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.harmony import HarmonyDialect
from aimo_solver.dialects.hermes import HermesDialect
from aimo_solver.dialects.numina import NuminaDialect
from aimo_solver.dialects.openmath import OpenMathDialect
from aimo_solver.engine.base import Sampling, Tokenizer
from aimo_solver.engine.scripted import END_OF_TURN, Reply
from aimo_solver.errors import SandboxError
from aimo_solver.rollouts.code_tool import NO_MORE_CODE
from aimo_solver.rollouts.trajectory import StopReason, Trajectory
from aimo_solver.simulation.virtual_clock import run_virtual
from tests.helpers.fakes import InProcessSandbox, SolverHarness, boxed, code
from tests.helpers.search_harness import MCTS, grow, scores
from tests.helpers.search_harness import SETTINGS as TREE_SETTINGS
from tests.helpers.single_rollout import ONE_ROLLOUT, SETTINGS, attempt, run_one

BOX = "\nThe answer is $\\boxed{"


class Harmony(HarmonyDialect):
    """Harmony without its prompt, which needs the real tokens."""

    def encode_prompt(self, problem: str, prompt: object, tokenizer: Tokenizer) -> list[int]:
        return tokenizer.encode("<|start|>assistant")


def attempt_in(dialect: Dialect, *turns: str, settings: RolloutSettings = SETTINGS) -> tuple[Trajectory, list[str]]:
    """Runs a rollout of that dialect that generates `turns`; returns what preceded each of them too."""
    seen: list[str] = []

    async def story() -> Trajectory:
        def reply(text: str, sampling: Sampling) -> Reply:
            seen.append(text)
            return Reply(turns[len(seen) - 1])

        return (await SolverHarness(reply, settings, ONE_ROLLOUT, dialect=dialect).solve()).trajectories[0]

    return run_virtual(story()), seen


# A rollout that the model ended


def test_a_model_that_ends_without_a_box_is_asked_for_it() -> None:
    trajectory, seen = attempt(SETTINGS, "It is forty-two.", "42}$.")
    assert (trajectory.answer, trajectory.stop_reason, trajectory.ended_itself) == (42, StopReason.FLUSHED, True)
    assert [turn.flush for turn in trajectory.turns] == [False, True]
    assert seen[1] == f"It is forty-two.{BOX}"


@pytest.mark.parametrize("dialect", [NuminaDialect(), OpenMathDialect(), HermesDialect(), CotDialect()])
def test_the_flush_continues_the_same_turn_before_its_end_of_turn_token(dialect: Dialect) -> None:
    trajectory, seen = attempt_in(dialect, "It is forty-two.", "42}$.")
    assert trajectory.answer == 42
    assert seen[1] == f"{seen[0]}It is forty-two.{BOX}"
    assert END_OF_TURN in trajectory.turns[0].text  # It was generated, so it is logged and counted.


def test_harmony_is_asked_in_a_new_final_message() -> None:
    thought = "<|channel|>analysis<|message|>6 x 7.<|end|>"
    said = f"{thought}<|start|>assistant<|channel|>final<|message|>Forty-two.<|return|>"
    closing = HarmonyDialect().close_thinking(said)
    assert closing == "<|end|><|start|>assistant<|channel|>final<|message|>The answer is $\\boxed{"


@pytest.mark.parametrize(
    ("said", "closing"),
    [
        ("<|return|>", "<|channel|>final<|message|>"),
        ("<|channel|>analysis<|message|>Hm.<|return|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
        ("<|channel|>analysis<|return|>", "<|message|><|end|><|start|>assistant<|channel|>final<|message|>"),
        ("<|channel|>analysis<|message|>Hm.<|endoftext|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ],
)
def test_harmony_closes_what_the_model_has_left_open_when_it_ends(said: str, closing: str) -> None:
    assert HarmonyDialect().close_thinking(said) == f"{closing}The answer is $\\boxed{{"


def test_thinking_that_was_never_closed_is_closed_before_the_answer_is_asked_for() -> None:
    _, seen = attempt(SETTINGS, "<think>It is forty-two.", "42}$.")
    assert seen[1] == f"<think>It is forty-two.</think>{BOX}"


def test_a_rollout_without_any_text_is_asked_at_once() -> None:
    trajectory, seen = attempt(SETTINGS, "", "42}$.")
    assert (trajectory.answer, trajectory.turns[0].text) == (42, END_OF_TURN)
    assert seen == ["", BOX]


def test_a_rollout_is_asked_once() -> None:
    trajectory, seen = attempt(SETTINGS, "No idea.", "I have no idea.")
    assert (trajectory.answer, trajectory.stop_reason, len(seen)) == (None, StopReason.NO_ANSWER, 2)
    assert trajectory.asked


def test_a_rollout_with_an_answer_is_not_asked() -> None:
    trajectory, seen = attempt(SETTINGS, boxed(42))
    assert (trajectory.asked, trajectory.ended_itself, len(seen)) == (False, True, 1)


def test_an_answer_that_the_preset_lets_a_model_state_needs_no_flush() -> None:
    async def story() -> Trajectory:
        harness = SolverHarness(
            lambda text, sampling: Reply("Hence the answer is 42."),
            SETTINGS,
            ONE_ROLLOUT,
            forms=(AnswerForm.BOXED, AnswerForm.STATED),
        )
        return (await harness.solve()).trajectories[0]

    trajectory = run_virtual(story())
    assert (trajectory.answer, trajectory.asked) == (42, False)


# A rollout that was cut


@pytest.mark.parametrize(
    ("dialect", "call", "reply"),
    [
        (NuminaDialect(), code("print(1)"), f"{NO_MORE_CODE}\n```\n"),
        (OpenMathDialect(), "<tool_call>\nprint(1)\n</tool_call>", f"\n```output\n{NO_MORE_CODE}\n```\n"),
        (
            Harmony(),
            "<|start|>assistant to=python<|channel|>analysis<|message|>print(1)<|call|>",
            f"<|start|>python to=assistant<|channel|>analysis<|message|>{NO_MORE_CODE}<|end|><|start|>assistant",
        ),
    ],
)
def test_an_open_call_is_answered_before_the_answer_is_asked_for(dialect: Dialect, call: str, reply: str) -> None:
    trajectory, seen = attempt_in(dialect, call, "42}$.", settings=replace(SETTINGS, code_rounds=0))
    assert (trajectory.answer, trajectory.stop_reason) == (42, StopReason.FLUSHED)
    assert seen[1].startswith(seen[0] + call + reply)
    assert (trajectory.turns[0].output, trajectory.code_calls) == (NO_MORE_CODE, 0)


def test_a_call_whose_time_is_up_is_answered_too() -> None:
    sandbox, slow = InProcessSandbox(seconds=1000.0), replace(SETTINGS, code_timeout_seconds=500.0)
    trajectory = run_one(code("print(1)"), "42}$.", sandbox=sandbox, settings=slow)
    assert (trajectory.answer, trajectory.stop_reason) == (42, StopReason.FLUSHED)
    assert trajectory.turns[0].output == NO_MORE_CODE


def test_a_rollout_whose_sandbox_has_failed_is_asked() -> None:
    sandbox = InProcessSandbox(failure=SandboxError("no processes"))
    trajectory = run_one(code("print(1)"), "42}$.", sandbox=sandbox)
    assert (trajectory.answer, trajectory.stop_reason, trajectory.ended_itself) == (42, StopReason.FLUSHED, False)


def test_a_rollout_that_was_cut_has_not_ended_itself() -> None:
    trajectory = run_one("x" * 500, "42}$.", settings=replace(SETTINGS, max_tokens=60))
    assert (trajectory.stop_reason, trajectory.ended_itself) == (StopReason.FLUSHED, False)


def test_an_answer_that_was_there_when_it_was_cut_is_an_answer_but_no_own_end() -> None:
    trajectory = run_one(boxed(42) + "x" * 500, settings=replace(SETTINGS, max_tokens=120))
    assert (trajectory.stop_reason, trajectory.ended_itself) == (StopReason.ANSWERED, False)


# Its limits


@settings(max_examples=60)
@given(st.integers(1, 120), st.integers(1, 60), st.integers(0, 200), st.integers(60, 400))
def test_no_rollout_exceeds_its_tokens_or_the_context(
    max_tokens: int, flush_tokens: int, written: int, context_tokens: int
) -> None:
    limits = replace(SETTINGS, max_tokens=max_tokens, flush_tokens=flush_tokens)
    trajectory = run_one("x" * written, "y" * 500, settings=limits, context_tokens=context_tokens)
    assert trajectory.tokens <= max_tokens
    assert sum(turn.tokens for turn in trajectory.turns if turn.flush) <= flush_tokens
    texts = "".join(turn.text for turn in trajectory.turns).replace(END_OF_TURN, "\n").replace("\\boxed{", "b")
    assert not trajectory.tokens or trajectory.prompt_tokens + len(texts) <= context_tokens


def test_half_of_a_few_tokens_are_kept_for_the_flush() -> None:
    trajectory = run_one("x" * 500, "42}$.", settings=replace(SETTINGS, max_tokens=12, flush_tokens=24))
    assert [turn.tokens for turn in trajectory.turns] == [6, 6]


def test_a_flush_without_room_is_not_made() -> None:
    trajectory = run_one("x", settings=replace(SETTINGS, max_tokens=1))
    assert (trajectory.stop_reason, trajectory.asked) == (StopReason.TOKEN_LIMIT, False)


def test_a_flush_that_hangs_ends_at_the_deadline_and_the_models_own_end_stays_the_reason() -> None:
    trajectory = run_one("No idea.", Reply("x", hangs_after_tokens=0))
    assert trajectory.seconds <= 60.0
    assert (trajectory.stop_reason, trajectory.ended_itself, trajectory.asked) == (StopReason.NO_ANSWER, True, True)


def test_a_flush_whose_engine_dies_is_an_engine_failure() -> None:
    trajectory = run_one("No idea.", Reply("x", dies_after_tokens=0))
    assert trajectory.stop_reason is StopReason.ENGINE_FAILED


def test_the_tokens_of_a_flush_are_spent_like_all_others() -> None:
    async def story() -> tuple[int, int, int]:
        turns = iter(["No idea.", "42}$."])
        solution = await SolverHarness(lambda text, sampling: Reply(next(turns)), SETTINGS, ONE_ROLLOUT).solve()
        return solution.spend.tokens, solution.spend.ended, sum(turn.tokens for turn in solution.trajectories[0].turns)

    tokens, ended, generated = run_virtual(story())
    assert tokens == generated == len("No idea.") + len("42}$.") + 2  # Both turns end with a token of their own.
    assert ended == 1


# Texts and trees alike


def slow_flush(text: str, sampling: Sampling) -> Reply:
    """Replies so slowly to a flush that the deadline cuts it after two tokens."""
    asked = text.endswith("\\boxed{")
    return Reply("9}$.", tokens_per_chunk=2, seconds_per_chunk=1.5) if asked else Reply("x", seconds_per_chunk=99.0)


def test_a_flush_that_is_cut_ends_a_text_and_a_tree_alike() -> None:
    async def story() -> Trajectory:
        return (await SolverHarness(slow_flush, SETTINGS, ONE_ROLLOUT).solve()).trajectories[0]

    text, tree = run_virtual(story()), grow(slow_flush, MCTS, seconds=20.0).trajectory
    assert [(one.answer, one.stop_reason) for one in (text, tree)] == [(9, StopReason.FLUSHED)] * 2


def test_a_tree_whose_ends_hold_no_answer_asks_the_best_of_them_before_its_end_of_turn() -> None:
    seen: list[str] = []

    def reply(text: str, sampling: Sampling) -> Reply:
        if text.endswith("\\boxed{"):
            seen.append(text)
            return Reply("42}$.")
        return Reply("bad end" if (sampling.seed or 0) % 2 else "good end")

    trajectory = grow(reply, replace(MCTS, width=8), scorer=scores({"good": 0.5, "bad": -0.5})).trajectory
    assert (trajectory.answer, trajectory.stop_reason, trajectory.ended_itself) == (42, StopReason.FLUSHED, True)
    assert seen == [f"good end{BOX}"]


def test_a_tree_without_a_scorer_asks_a_path_that_the_model_ended() -> None:
    script = {"": ["on\n\n", "the end"], "on\n\n": ["on\n\n"], f"the end{BOX}": ["42}$."]}
    trajectory = grow(script, replace(MCTS, depth=2)).trajectory
    assert (trajectory.answer, trajectory.stop_reason) == (42, StopReason.FLUSHED)


def test_the_flush_of_a_tree_stays_within_the_trees_tokens() -> None:
    limits = replace(TREE_SETTINGS, max_tokens=300, flush_tokens=40)
    trajectory = grow(lambda text, sampling: Reply("x" * 4000), MCTS, settings=limits).trajectory
    assert trajectory.asked and trajectory.tokens <= 300


BASE = CotDialect()
RUNS_ON = f"It is forty-two.{BASE.ends[0]} What is 1 + 1?"


def test_a_text_that_ran_on_past_its_end_is_asked_where_it_should_have_ended() -> None:
    trajectory, seen = attempt_in(BASE, RUNS_ON, f"42}}$.{BASE.ends[0]} What is 1 + 1? $\\boxed{{2}}$")
    assert (trajectory.answer, trajectory.ended_itself) == (42, True)
    assert seen[1] == f"{seen[0]}It is forty-two.{BOX}"


def test_a_tree_that_ran_on_past_its_end_is_asked_where_it_should_have_ended() -> None:
    seen: list[str] = []

    def reply(text: str, sampling: Sampling) -> Reply:
        seen.append(text)
        return Reply("42}$." if text.endswith("\\boxed{") else RUNS_ON)

    trajectory = grow(reply, replace(MCTS, width=1), dialect=BASE).trajectory
    assert (trajectory.answer, trajectory.ended_itself) == (42, True)
    assert seen[-1] == f"{seen[0]}It is forty-two.{BOX}"


@pytest.mark.parametrize("said", ["So it is 42.\nFinal Answer: 42", "**Final Answer**: 42"])
def test_the_end_of_turn_token_is_no_part_of_what_a_text_or_a_tree_says(said: str) -> None:
    text, _ = attempt(SETTINGS, said)
    tree = grow({"": [said]}, MCTS).trajectory
    assert [(one.answer, one.asked) for one in (text, tree)] == [(42, False)] * 2
