"""Answers without a box: labelled lines always, stated ones where a preset asks for them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForm
from aimo_solver.problems.answers import extract_answer, read_answer
from aimo_solver.problems.problem import ANY_INTEGER

STATED = (AnswerForm.BOXED, AnswerForm.STATED)
LABELLED = [
    "**Final Answer:** 42",
    "**Final Answer: 42**",
    "### Final Answer: $42$",
    "Final Answer: \\(42\\).",
    "FINAL ANSWER: 42",
    "The final answer: 42",
    "- Final answer: **42**",
    "> **Final Answer**: 42",
    "**Final Answer**\n\n42",
    "## Final Answer\n\n**$42$**\n",
    "Final Answer:\n$$\n42\n$$",
    "Final Answer: 42\r\n",
    "Final Answer: x = 42",
    "Final Answer: (C) 42",
    "Final Answer: 42 apples",
]
UNLABELLED = [
    "I give the Final Answer: 42",
    "The final answer is 42.",
    "Final answer, if n is 42",
    "Final Answer: 3, 5",
    "Final Answer: 3.5",
    "Final Answer: see above, 42",
    "Final Answer\n\nThe answer is 42",
    "Final Answer: the total is 42",
    "Answer: 42",
    "42",
]
STATEMENTS = [
    "The answer is 42.",
    "So the answer is $42$, as claimed.",
    "The answer is therefore **42**.",
    "the final answer is 42",
    "Answer: 42",
    "**Answer:** 42",
    "The answer to the problem is 42.",
    "the answer is: \\(42\\).",
    "The answer is x = 42.",
    "The answer is 42 apples.",
    "Final Answer: The final answer is $42$. I hope it is correct.",
]
NO_STATEMENTS = [
    "If the answer is 42, then n is even.",
    "Is the answer 42? The answer is 42?",
    "The answer is not 42.",
    "The answer cannot be 42.",
    "I doubt that the answer is 42, so let me check whether the answer is 42.",
    "The answer is at least 42.",
    "The answer is 3, 5 or 7.",
    "The answer is 3.5.",
    "The answer is 42 if n is even.",
    "The answer is either 42 or 43.",
    "There are 42 answers.",
]


@pytest.mark.parametrize("line", LABELLED)
def test_a_labelled_line_is_an_answer(line: str) -> None:
    assert extract_answer(line, ANY_INTEGER) == 42
    assert extract_answer(f"So.\n\n{line}\n\nDone.", ANY_INTEGER) == 42


@pytest.mark.parametrize("line", UNLABELLED)
def test_anything_else_is_no_labelled_line(line: str) -> None:
    assert extract_answer(f"So.\n\n{line}\n\nDone.", ANY_INTEGER) is None


def test_of_a_box_and_a_labelled_line_the_later_counts() -> None:
    assert extract_answer("\\boxed{41}\n\nFinal Answer: 42", ANY_INTEGER) == 42
    assert extract_answer("Final Answer: 41\n\n\\boxed{42}", ANY_INTEGER) == 42


def test_a_labelled_value_that_is_no_integer_withdraws_a_box() -> None:
    assert extract_answer("\\boxed{41}\n\nFinal Answer: 3.5", ANY_INTEGER) is None


def test_a_label_without_a_value_withdraws_nothing() -> None:
    assert extract_answer("\\boxed{42}\n\nFinal Answer: see above", ANY_INTEGER) == 42


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_sentence_states_an_answer_only_where_it_is_asked_for(text: str) -> None:
    assert read_answer(text, ANY_INTEGER, STATED) == 42
    assert read_answer(text, ANY_INTEGER, BOXED_ONLY) is None


@pytest.mark.parametrize("text", NO_STATEMENTS)
def test_a_sentence_that_commits_to_nothing_states_no_answer(text: str) -> None:
    assert read_answer(text, ANY_INTEGER, STATED) is None


def test_a_box_beats_a_statement_wherever_it_stands() -> None:
    assert read_answer("\\boxed{42}. In the example the answer is 6.", ANY_INTEGER, STATED) == 42


def test_nothing_is_stated_in_thinking() -> None:
    assert read_answer("", ANY_INTEGER, STATED, thought="The answer is 42.") is None
    assert read_answer("The answer is 42.", ANY_INTEGER, STATED, thought="\\boxed{41}") == 42


@settings(deadline=None)
@given(st.integers(-(10**60), 10**60), st.text("ab .\n"), st.text("ab .\n"))
def test_any_integer_is_stated_in_any_plain_prose(value: int, before: str, after: str) -> None:
    text = f"{before}. The answer is {value}.\n{after}"
    assert read_answer(text, ANY_INTEGER, STATED) == value
    assert read_answer(text, ANY_INTEGER) is None


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="\\")))
def test_no_number_is_guessed_from_prose(text: str) -> None:
    if "answer" not in text.lower():
        assert read_answer(text, ANY_INTEGER, STATED) is None


@pytest.mark.parametrize(
    "piece", ["final answer", "Final Answer: 1/\n", "the answer is ", "answer: \n", "Final Answer:\n"]
)
def test_a_megabyte_of_statements_ends(piece: str) -> None:
    assert read_answer(piece * (1_000_000 // len(piece)), ANY_INTEGER, STATED) is None
