"""Rollouts in the template dialect: what the model reads at each turn is what its chat template gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aimo_solver.dialects.template import TemplateDialect
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import END_OF_TURN, Reply
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.engine.tool_calls import ToolCall
from aimo_solver.rollouts.trajectory import StopReason, Trajectory
from aimo_solver.simulation.virtual_clock import run_virtual
from tests.helpers.chat_templates import template_dialect, write_tokenizer
from tests.helpers.chat_turns import JSON_CODE, TURNS
from tests.helpers.fakes import PROBLEM, SolverHarness, boxed
from tests.helpers.single_rollout import ONE_ROLLOUT, SETTINGS


class OneCall:
    """A fake CallReader that reads the same call in any text."""

    def read(self, text: str) -> Sequence[ToolCall]:
        return [ToolCall(name="python", arguments=JSON_CODE)]


def dialect_of(folder: Path, name: str, *, end: str | None = None) -> TemplateDialect:
    tokenizer = HfTokenizer(write_tokenizer(folder, name))
    if end is not None:
        tokenizer.backend.eos_token = end
    return template_dialect(tokenizer, OneCall())


def attempt_in(dialect: TemplateDialect, *turns: str, **settings: Any) -> tuple[Trajectory, list[str]]:
    """Runs a rollout that generates `turns`; returns what preceded each of them too."""
    seen: list[str] = []

    async def story() -> Trajectory:
        def reply(text: str, sampling: Sampling) -> Reply:
            seen.append(text)
            return Reply(turns[len(seen) - 1])

        harness = SolverHarness(reply, replace(SETTINGS, **settings), ONE_ROLLOUT, dialect=dialect)
        return (await harness.solve()).trajectories[0]

    return run_virtual(story()), seen


def conversation(dialect: TemplateDialect, turn: str, output: str) -> str:
    """Returns the prompt, the turn and the template's own reply."""
    prompt = dialect.template.render(
        [{"role": "user", "content": PROBLEM.text}], variables=dialect.form.style.variables
    )
    return prompt + turn + dialect.render_output(output)


@pytest.mark.parametrize("name", ["qwen3_5", "glm_4_5", "gemma_4", "deepseek_v3_1"])
def test_a_call_runs_and_its_output_is_read_as_the_template_writes_it(name: str, tmp_path: Path) -> None:
    dialect = dialect_of(tmp_path, name)
    trajectory, seen = attempt_in(dialect, TURNS[name], boxed(42))
    assert seen[1] == conversation(dialect, TURNS[name], "42")
    assert (trajectory.answer, trajectory.stop_reason) == (42, StopReason.ANSWERED)
    assert [turn.output for turn in trajectory.turns] == ["42", None]


def test_a_call_that_ends_with_the_turn_runs_too(tmp_path: Path) -> None:
    """As in Mistral's and Llama's families, whose calls have no end of their own."""
    dialect = dialect_of(tmp_path, "ministral_3", end=END_OF_TURN)
    turn = TURNS["ministral_3"].removesuffix("</s>")
    trajectory, seen = attempt_in(dialect, turn, boxed(42))
    assert seen[1] == conversation(dialect, turn + END_OF_TURN, "42")
    assert (trajectory.answer, [turn.output for turn in trajectory.turns]) == (42, ["42", None])


def test_an_answer_that_ends_the_turn_is_no_call_of_such_a_family(tmp_path: Path) -> None:
    trajectory, seen = attempt_in(dialect_of(tmp_path, "ministral_3", end=END_OF_TURN), boxed(42))
    assert (trajectory.answer, len(seen)) == (42, 1)


def test_a_flush_closes_the_thinking_that_the_template_opened_again(tmp_path: Path) -> None:
    dialect = dialect_of(tmp_path, "qwen3_5")
    trajectory, seen = attempt_in(dialect, TURNS["qwen3_5"], "So it is forty-two.", "42}$.")
    assert seen[2].endswith("<think>\nSo it is forty-two.</think>\nThe answer is $\\boxed{")
    assert (trajectory.answer, trajectory.stop_reason) == (42, StopReason.FLUSHED)


@pytest.mark.parametrize(("name", "end"), [("qwen3_5", None), ("ministral_3", END_OF_TURN)])
def test_a_call_beyond_the_last_round_is_answered_before_the_flush(name: str, end: str | None, tmp_path: Path) -> None:
    dialect = dialect_of(tmp_path, name, end=end)
    turn = TURNS[name].removesuffix("</s>")
    trajectory, seen = attempt_in(dialect, turn, turn, "42}$.", code_rounds=1)
    assert (trajectory.answer, trajectory.stop_reason) == (42, StopReason.FLUSHED)
    end_of_thinking = "</think>" if name == "qwen3_5" else ""
    reply = dialect.render_output("no more code can be run")
    assert seen[2].endswith(f"{turn}{end or ''}{reply}{end_of_thinking}\nThe answer is $\\boxed{{")
