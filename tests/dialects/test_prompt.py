"""Prompts: the model's first words, and thinking that is open."""

from __future__ import annotations

import pytest

from aimo_solver.dialects.dialect import open_thought
from aimo_solver.dialects.prompt import prefilled_prompt
from tests.helpers.fakes import TOKENIZER


@pytest.mark.parametrize(
    ("prompt", "opened"),
    [
        ("assistant: ", "assistant: <think>\n"),
        ("assistant: <think>\n", "assistant: <think>\n"),
        ("assistant: <think>", "assistant: <think>"),
        ("say <think>\nassistant: ", "say <think>\nassistant: <think>\n"),
    ],
)
def test_thinking_is_opened_where_the_template_does_not_open_it(prompt: str, opened: str) -> None:
    tokens = prefilled_prompt(TOKENIZER.encode(prompt), "<think>\n", TOKENIZER)
    assert TOKENIZER.decode(tokens) == opened


def test_no_prefill_changes_nothing() -> None:
    assert prefilled_prompt([1, 2, 3], "", TOKENIZER) == [1, 2, 3]


def test_a_thought_is_open_when_nothing_closed_it() -> None:
    assert open_thought("assistant\n<think>\n") == "<think>\n"
    assert open_thought("<think></think>assistant\n") == open_thought("assistant\n") == ""
