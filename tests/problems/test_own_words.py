"""What counts as the model's own word, and what is only code, a call or output."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.dialects import DIALECTS
from aimo_solver.problems.answers import extract_answer
from aimo_solver.problems.own_words import own_words
from aimo_solver.problems.problem import ANY_INTEGER

RAN = "```python\nn = 6\n```\n```output\n"
NOT_OWN = {
    "a docstring": '```python\ndef f():\n    """Give it within \\boxed{7}."""\n```\nDone.',
    "a printed text": "```python\nprint('\\boxed{7}')\n```\nDone.",
    "an f-string": '```py\nprint(f"\\boxed{{7}}")\n```\nDone.',
    "tildes": "~~~python\nprint('\\boxed{7}')\n~~~\nDone.",
    "a block that is cut off": "So:\n```python\nprint('\\boxed{7}')",
    "an unknown language": "```sympy\n\\boxed{7}\n```\nDone.",
    "invented output": "```output\n\\boxed{7}\n```\nDone.",
    "a call": '<tool_call>\n{"code": "print(\'\\\\boxed{7}\')"}\n</tool_call>Done.',
    "a call that is cut off": "<tool_call>\nprint('\\boxed{7}')",
    "a reply": "<tool_response>\n\\boxed{7}\n</tool_response>Done.",
}
OWN = {
    "after a block": "```python\nx = '\\boxed{1}'\n```\nSo \\boxed{42}.",
    "after a closing fence": "```python\nx = 1\n``` So \\boxed{42}.",
    "after a fence on the code's line": "```python\nx = 1```\nSo \\boxed{42}.",
    "before a check": "So \\boxed{42}.\n" + RAN + "It agrees.",
    "after output": RAN + "So \\boxed{42}.",
    "after output, and before another program": RAN + "So \\boxed{42}.\n" + RAN + "It agrees.",
    "after output that the model wrote": RAN + "6\n```\nSo \\boxed{42}.",
    "after output, and before a formula in a fence": RAN + "So \\boxed{42}.\n```\n6 * 7\n```\n",
    "alone in a fence": "```\n\\boxed{42}\n```",
    "alone in a fence for text": "```text\n$\\boxed{42}$\n```",
    "in a fence for prose": "```latex\nSo it is \\boxed{42}.\n```",
    "in backticks": "So `\\boxed{42}`.",
    "after the mention of a call's mark": "I could use <tool_call> here, but \\boxed{42}.",
}


@pytest.mark.parametrize("text", NOT_OWN.values(), ids=NOT_OWN)
def test_a_box_in_code_or_output_is_not_the_models_word(text: str) -> None:
    assert extract_answer(text, ANY_INTEGER) is None
    assert extract_answer("It is \\boxed{42}.\n" + text, ANY_INTEGER) == 42


@pytest.mark.parametrize("text", OWN.values(), ids=OWN)
def test_a_box_in_the_models_words_counts(text: str) -> None:
    assert extract_answer(text, ANY_INTEGER) == 42


@settings(deadline=None)
@given(st.text("`~\n <>/_outpyhnrescal"))
def test_words_are_left_out_and_never_made_up(text: str) -> None:
    assert len(own_words(text)) <= len(text) + text.count("<") + text.count("`") + text.count("~")


@pytest.mark.parametrize("piece", ["```", "```\n", "```python\n", "~~~\n```\n", "<tool_call>", "```output\n", "` "])
def test_a_long_run_of_fences_ends(piece: str) -> None:
    own_words(piece * (300_000 // len(piece)))


# What is said after thinking beats what is thought.


@pytest.mark.parametrize("name", ["numina", "openmath", "hermes", "cot"])
@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>Maybe \\boxed{35}? No: 36.</think>\n\n**Final Answer:** 36", 36),
        ("Maybe \\boxed{35}? No: 36.</think>\n\n**Final Answer:** 36", 36),
        ("<think>It is \\boxed{35}.</think>\n\nSo \\boxed{36}.", 36),
        ("<think>It is \\boxed{36}.</think>\n\nThat was all.", 36),
        ("<think>It is \\boxed{36}", 36),
        ("<think>\n**Final Answer:** 36\n", None),
        ("<think>It is \\boxed{36}.</think>\n\nOr \\boxed{3, 5}.", None),
        ("<think>a</think>So \\boxed{36}.<think>Or \\boxed{35}?", 36),
        ("<think>a</think>So \\boxed{36}.<think>Hm.</think>Yes.", 36),
    ],
    ids=range(9),
)
def test_an_answer_after_thinking_beats_one_inside_it(name: str, text: str, answer: int | None) -> None:
    assert DIALECTS[name].find_answer(text, ANY_INTEGER) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (
            "<|channel|>analysis<|message|>\\boxed{35}<|end|><|start|>assistant<|channel|>final<|message|>\\boxed{36}",
            36,
        ),
        (
            "<|channel|>final<|message|>\\boxed{36}<|end|><|start|>assistant<|channel|>analysis<|message|>\\boxed{35}?<|end|>",
            36,
        ),
        ("<|channel|>analysis<|message|>\\boxed{36}<|end|><|start|>assistant<|channel|>final<|message|>Done.", 36),
        ("<|channel|>analysis<|message|>It is \\boxed{36}", 36),
        ("<|channel|>analysis to=python code<|message|>print('\\boxed{36}')<|call|>", None),
        (
            '<|channel|>commentary to=functions.python <|constrain|>json<|message|>{"code": "\'\\boxed{36}\'"}<|call|>',
            None,
        ),
        ("**Final Answer: 36**", 36),
        ("\nThe answer is $\\boxed{36}$", 36),
    ],
    ids=range(8),
)
def test_harmonys_final_message_is_the_models_word(text: str, answer: int | None) -> None:
    assert DIALECTS["harmony"].find_answer(text, ANY_INTEGER) == answer


def test_s1_answers_in_a_message_of_its_own() -> None:
    text = "\nMaybe \\boxed{35}.<|im_start|>answer\nFinal Answer: 36"
    assert DIALECTS["s1"].find_answer(text, ANY_INTEGER) == 36
