"""Plain chain of thought for models with a chat template, and in plain text for base models without one."""

from __future__ import annotations

from pathlib import Path

from aimo_solver.config.prompt_settings import PromptExample
from aimo_solver.dialects.cot import COT, PROBLEM_HEAD, SOLUTION_HEAD
from aimo_solver.dialects.prompt import Prompt
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.utils.paths import DEMO_MODEL
from tests.helpers.tokenizers import add_start_token, copy_tokenizer

ASKED = Prompt(before_problem="Put the answer in \\boxed{}.\n\n")


def base_tokenizer(folder: Path) -> HfTokenizer:
    copy_tokenizer(DEMO_MODEL, folder)
    (folder / "chat_template.jinja").unlink()
    add_start_token(folder, "<|endoftext|>")
    return HfTokenizer(folder)


def test_base_model_is_given_plain_text_that_begins_a_sequence(tmp_path: Path) -> None:
    tokenizer = base_tokenizer(tmp_path)
    text = tokenizer.decode(COT.encode_prompt("1 + 1?", ASKED, tokenizer))
    assert text == f"<|endoftext|>{PROBLEM_HEAD}Put the answer in \\boxed{{}}.\n\n1 + 1?\n\n{SOLUTION_HEAD}"


def test_examples_and_the_systems_text_stand_in_front_in_plain_text(tmp_path: Path) -> None:
    tokenizer = base_tokenizer(tmp_path)
    prompt = Prompt(system="You solve.", examples=(PromptExample(problem="2 + 2?", solution="\\boxed{4}"),))
    assert tokenizer.decode(COT.encode_prompt("1 + 1?", prompt, tokenizer)) == (
        f"<|endoftext|>You solve.\n\n{PROBLEM_HEAD}2 + 2?\n\n{SOLUTION_HEAD}\\boxed{{4}}"
        f"\n\n{PROBLEM_HEAD}1 + 1?\n\n{SOLUTION_HEAD}"
    )


def test_chat_template_is_used_where_there_is_one() -> None:
    tokenizer = HfTokenizer(DEMO_MODEL)
    asked = COT.encode_prompt("1 + 1?", ASKED, tokenizer)
    assert asked == tokenizer.encode_chat([{"role": "user", "content": ASKED.user("1 + 1?")}])
