"""Numina's dialect: what it reads out of a turn, and what it writes back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.dialects import DIALECTS, find_dialect
from aimo_solver.dialects.dialect import cut_middle, shown_output
from aimo_solver.dialects.numina import NUMINA
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import AIMO3, ANY_INTEGER
from aimo_solver.sandbox.base import ExecutionResult, ExecutionStatus
from tests.helpers.fakes import PROBLEM, PROMPT, TOKENIZER, code

programs = st.text("x=1()# \n\tπ'", max_size=40)


def result(stdout: str = "", error: str = "") -> ExecutionResult:
    return ExecutionResult(
        status=ExecutionStatus.ERROR if error else ExecutionStatus.OK, stdout=stdout, error=error, seconds=0.1
    )


# Prompt


def test_the_prompt_is_the_bare_problem_in_the_models_own_template() -> None:
    ids = NUMINA.encode_prompt(PROBLEM.text, TOKENIZER)
    assert TOKENIZER.decode(ids) == PROMPT


# Code


def test_a_block_before_an_output_block_is_code() -> None:
    assert NUMINA.find_code("<think>Count.</think>\n" + code("print(6 * 7)")) == "print(6 * 7)"


def test_the_last_block_alone_is_run() -> None:
    turn = "```python\nx = 5\n```\nBetter:\n```python\ny = 6\n```\n```output\n"
    assert NUMINA.find_code(turn) == "y = 6"


def test_the_token_that_completed_the_stop_may_run_past_it() -> None:
    assert NUMINA.find_code(code("print(42)") + "4") == "print(42)"


def test_words_between_code_and_output_are_not_code() -> None:
    assert NUMINA.find_code("```python\nprint(42)\n```\nThis gives\n```output\n") == "print(42)"


def test_a_block_that_was_never_closed_is_code_all_the_same() -> None:
    assert NUMINA.find_code("```python\nprint(42)\n```output\n") == "print(42)\n"


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
    assert NUMINA.find_code("```python\n```\n```output\n") == ""


@settings(max_examples=30)
@given(st.text("a `\n<>", max_size=20), programs)
def test_whatever_is_written_in_a_block_is_found_as_it_is(thought: str, program: str) -> None:
    assert NUMINA.find_code(thought + code(program)) == program


def test_every_stop_string_opens_an_output_block() -> None:
    assert all(NUMINA.find_code("```python\nx\n```\n" + stop) == "x" for stop in NUMINA.stop)


# Output


@pytest.mark.parametrize("output", ["42", "42\n"])
def test_output_fills_the_block_and_closes_it(output: str) -> None:
    assert NUMINA.render_output(output) == "42\n```\n"


def test_no_output_is_an_empty_block() -> None:
    assert NUMINA.render_output("") == "```\n"


def test_the_model_sees_what_was_printed_then_the_error() -> None:
    assert shown_output(result("1\n", "ValueError: no\n"), 400) == "1\nValueError: no"


def test_the_model_sees_the_error_alone_when_nothing_was_printed() -> None:
    assert shown_output(result("", "ValueError: no"), 400) == "ValueError: no"


def test_megabytes_of_output_are_cut_and_keep_the_error() -> None:
    shown = shown_output(result("x" * 5_000_000, "MemoryError"), 400)
    assert len(shown) < 500
    assert shown.endswith("MemoryError")


def test_long_output_keeps_head_and_tail() -> None:
    assert cut_middle("abcdefghij", 5) == "ab\n... 5 characters cut ...\nhij"


@given(st.text("ab\n", max_size=60), st.integers(1, 60))
def test_a_cut_says_exactly_what_is_missing(text: str, limit: int) -> None:
    shown = cut_middle(text, limit)
    if len(text) <= limit:
        assert shown == text
    else:
        head, tail = limit // 2, limit - limit // 2
        assert shown == f"{text[:head]}\n... {len(text) - limit} characters cut ...\n{text[-tail:]}"


# Answer


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


# Names


def test_dialects_go_by_their_own_names() -> None:
    assert all(find_dialect(name).name == name for name in DIALECTS)


def test_an_unknown_dialect_lists_the_known_ones() -> None:
    with pytest.raises(
        InputError, match="dialect must be one of numina, openmath, hermes, harmony, s1, cot, got 'klingon'"
    ):
        find_dialect("klingon")
