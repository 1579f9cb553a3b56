"""Numina's dialect: what it reads out of a turn, and what it writes back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.dialects.calls import Call
from aimo_solver.dialects.code_blocks import dedented
from aimo_solver.dialects.numina import NUMINA
from aimo_solver.dialects.prompt import Prompt
from aimo_solver.problems.problem import ANY_INTEGER
from tests.helpers.contests import AIMO3
from tests.helpers.fakes import PROBLEM, PROMPT, TOKENIZER, code

programs = st.text("x=1()# \n\tπ'", max_size=40)


def test_the_prompt_is_the_bare_problem_in_the_models_own_template() -> None:
    ids = NUMINA.encode_prompt(PROBLEM.text, Prompt(), TOKENIZER)
    assert TOKENIZER.decode(ids) == PROMPT


def test_a_block_before_an_output_block_is_code() -> None:
    assert NUMINA.find_code("<think>Count.</think>\n" + code("print(6 * 7)")) == Call(code="print(6 * 7)")


def test_the_last_block_alone_is_run() -> None:
    turn = "```python\nx = 5\n```\nBetter:\n```python\ny = 6\n```\n```output\n"
    assert NUMINA.find_code(turn) == Call(code="y = 6")


def test_the_token_that_completed_the_stop_may_run_past_it() -> None:
    assert NUMINA.find_code(code("print(42)") + "4") == Call(code="print(42)")


def test_words_between_code_and_output_are_not_code() -> None:
    assert NUMINA.find_code("```python\nprint(42)\n```\nThis gives\n```output\n") == Call(code="print(42)")


def test_a_block_that_was_never_closed_is_code_all_the_same() -> None:
    assert NUMINA.find_code("```python\nprint(42)\n```output\n") == Call(code="print(42)")


@pytest.mark.parametrize(
    "turn",
    [
        "",
        "The answer is $\\boxed{42}$.",
        "```python\nprint(42)\n```\n",
        "```output\n",
        "```output\n42\n```\n```python\nprint(42)",
        "```\nprint(42)\n```\n```output\n",
    ],
    ids=["nothing", "answer", "no output block", "output alone", "output first", "no language"],
)
def test_a_turn_that_does_not_end_in_a_call_has_no_code(turn: str) -> None:
    assert NUMINA.find_code(turn) is None


def test_an_empty_block_is_empty_code() -> None:
    assert NUMINA.find_code("```python\n```\n```output\n") == Call(code="")


@settings(max_examples=30)
@given(st.text("a `\n<>", max_size=20), programs)
def test_whatever_is_written_in_a_block_is_found_as_it_is(thought: str, program: str) -> None:
    assert NUMINA.find_code(thought + code(program)) == Call(code=dedented(program))


def test_every_stop_string_opens_an_output_block() -> None:
    assert all(NUMINA.find_code("```python\nx\n```\n" + stop) == Call(code="x") for stop in NUMINA.stop)


@pytest.mark.parametrize("output", ["42", "42\n"])
def test_output_fills_the_block_and_closes_it(output: str) -> None:
    assert NUMINA.render_output(output) == "42\n```\n"


def test_no_output_is_an_empty_block() -> None:
    assert NUMINA.render_output("") == "```\n"


@pytest.mark.parametrize("text", ["<think>So it is 42", "<think>Hm.</think>\nSo it is 42", "So it is 42", ""])
def test_a_closed_text_reads_the_next_tokens_as_its_answer(text: str) -> None:
    closed = text + NUMINA.close_thinking(text)
    assert NUMINA.find_answer(closed + "42}$.", ANY_INTEGER) == 42


def test_an_open_thought_is_closed_once() -> None:
    assert NUMINA.close_thinking("<think>So it is 42").count("</think>") == 1
    assert "</think>" not in NUMINA.close_thinking("<think>Hm.</think>\nSo")


def test_a_flushed_answer_replaces_an_earlier_box() -> None:
    text = "<think>Maybe $\\boxed{7}$?"
    assert NUMINA.find_answer(text + NUMINA.close_thinking(text) + "42}$", ANY_INTEGER) == 42


def test_an_answer_outside_the_rule_is_no_answer() -> None:
    assert NUMINA.find_answer("$\\boxed{100000}$", AIMO3) is None
