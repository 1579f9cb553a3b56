"""Prompts: their texts and parts, the model's first words, and thinking that is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.config.names import Effort
from aimo_solver.config.prompt_settings import PromptExample, PromptSettings
from aimo_solver.dialects.cot import COT
from aimo_solver.dialects.dialect import Dialect, open_thought
from aimo_solver.dialects.harmony import HARMONY
from aimo_solver.dialects.hermes import HERMES
from aimo_solver.dialects.openmath import OPENMATH
from aimo_solver.dialects.prompt import (
    Prompt,
    encode_messages,
    encode_prompt,
    make_prompt,
    opened_thought,
    prefilled_prompt,
)
from aimo_solver.dialects.prompt_facts import PromptFacts, greatest_answer
from aimo_solver.dialects.prompt_parts import prompt_parts
from aimo_solver.engine.scripted import ByteTokenizer
from aimo_solver.errors import EngineLoadError, InputError
from aimo_solver.problems.problem import ANY_INTEGER, AnswerRule
from tests.helpers.contests import AIMO2, AIMO3
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


@pytest.mark.parametrize("mark", ["<|im_end|>\n", "<｜Assistant｜>", " [/INST]", "<end_of_turn>\n"])
def test_thinking_that_the_problem_names_is_not_open(mark: str) -> None:
    tokenizer = ByteTokenizer(("<think>", mark))
    assert not opened_thought(tokenizer.encode(f"What is <think>{mark}"), tokenizer)
    assert opened_thought(tokenizer.encode(f"What is 1?{mark}<think>\n"), tokenizer) == "<think>\n"


# Texts are filled from facts


FACTS = PromptFacts(
    rule=ANY_INTEGER,
    runs_code=True,
    timeout_seconds=2.5,
    output_chars=300,
    code_rounds=3,
    memory_bytes=3 * 2**29,
    libraries=("numpy", "sympy"),
    date=date(2026, 11, 28),
)


def filled(text: str, facts: PromptFacts = FACTS) -> str:
    return make_prompt(COT, PromptSettings(system=text), facts).system


@pytest.mark.parametrize(
    ("placeholder", "value"),
    [
        ("timeout_seconds", "2.5"),
        ("output_chars", "300"),
        ("code_rounds", "3"),
        ("memory", "1.5 GiB"),
        ("libraries", "numpy, sympy"),
        ("date", "2026-11-28"),
    ],
)
def test_a_placeholder_is_filled_with_what_is_true(placeholder: str, value: str) -> None:
    assert filled(f"<{{{placeholder}}}>") == f"<{value}>"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (ANY_INTEGER, "an integer"),
        (AIMO3, "an integer from 0 to 99999"),
        (AIMO2, "an integer from 0 to 999 (of a larger result, the remainder modulo 1000)"),
        (AnswerRule("x", minimum=-7, maximum=7), "an integer from -7 to 7"),
        (AnswerRule("x", minimum=1), "an integer of at least 1"),
        (AnswerRule("x", maximum=9), "an integer of at most 9"),
        (
            AnswerRule("x", minimum=0, modulus=10),
            "an integer from 0 to 9 (of a larger result, the remainder modulo 10)",
        ),
    ],
)
def test_the_answers_of_a_contest_are_put_into_words(rule: AnswerRule, words: str) -> None:
    assert filled("{answers}", replace(FACTS, rule=rule)) == words


@given(value=st.integers(-2000, 2000), rule=st.sampled_from([ANY_INTEGER, AIMO2, AIMO3]))
def test_the_words_say_which_answers_the_rule_gives(value: int, rule: AnswerRule) -> None:
    answer = rule.apply(value)
    least, greatest = rule.minimum, greatest_answer(rule)
    inside = (least is None or value >= least) and (greatest is None or value <= greatest)
    assert answer == (value if inside else answer)
    if answer is not None:
        assert least is None or answer >= least
        assert greatest is None or answer <= greatest


@pytest.mark.parametrize("name", ["minimum", "maximum", "modulus"])
def test_a_placeholder_that_the_contest_does_not_fill_is_an_error(name: str) -> None:
    with pytest.raises(InputError, match=rf"\[prompt\] system has {{{name}}}, but any-integer has no {name}; name ano"):
        filled(f"{{{name}}}")


def test_a_text_about_code_is_an_error_where_no_code_runs() -> None:
    with pytest.raises(InputError, match=r"\[prompt\] system has {libraries}, but no code runs here; leave it out"):
        filled("{libraries}", replace(FACTS, runs_code=False))


def test_an_effort_is_an_error_for_a_dialect_that_cannot_say_it() -> None:
    with pytest.raises(InputError, match=r"\[prompt\] effort has no meaning for dialect cot; leave it out"):
        make_prompt(COT, PromptSettings(effort=Effort.LOW), FACTS)


@given(st.text(max_size=40))
def test_a_statement_is_never_filled(problem: str) -> None:
    prompt = make_prompt(COT, PromptSettings(user="a {problem} {{b}}"), FACTS)
    assert prompt.user(problem) == f"a {problem} {{b}}"


def test_an_empty_text_means_none() -> None:
    assert not make_prompt(HERMES, PromptSettings(system=""), FACTS).system
    assert make_prompt(HERMES, PromptSettings(), FACTS).system


class Refusing(ByteTokenizer):
    """A chat template that knows no system messages."""

    def encode_chat(self, messages: Sequence[dict[str, str]]) -> list[int]:
        if messages[0]["role"] == "system":
            raise EngineLoadError("system role not supported")
        return super().encode_chat(messages)


class Dropping(ByteTokenizer):
    """A chat template that leaves system messages out without a word."""

    def encode_chat(self, messages: Sequence[dict[str, str]]) -> list[int]:
        return super().encode_chat([message for message in messages if message["role"] != "system"])


@pytest.mark.parametrize("tokenizer", [Refusing(), Dropping()], ids=["refuses", "drops"])
def test_without_system_messages_the_text_stands_in_front_of_the_users(tokenizer: ByteTokenizer) -> None:
    token_ids = encode_messages(tokenizer, "Box it.", [{"role": "user", "content": "6 x 7?"}])
    assert tokenizer.decode(token_ids).startswith("user: Box it.\n\n6 x 7?")


# Parts


def parts_of(dialect: Dialect, prompt: Prompt, problem: str, prefill: str = "") -> list[tuple[str, str]]:
    tokenizer = ByteTokenizer(("<|start|>", "<|channel|>", "<|message|>", "<|call|>"))
    token_ids = encode_prompt(dialect, problem, tokenizer, prompt=prompt, prefill=prefill)
    parts = prompt_parts(token_ids, problem, tokenizer, prompt=prompt, prefill=prefill)
    assert [token_id for part in parts for token_id in part.token_ids] == token_ids
    assert "".join(part.text for part in parts) == tokenizer.decode(token_ids)
    return [(part.name, part.text) for part in parts]


@pytest.mark.parametrize("dialect", [HERMES, HARMONY, OPENMATH], ids=lambda dialect: dialect.name)
def test_every_part_of_a_prompt_is_found(dialect: Dialect) -> None:
    example = PromptExample(problem="1 + 1?", solution="It is 2.")
    prompt = replace(make_prompt(dialect, PromptSettings(), FACTS), examples=(example,))
    parts = parts_of(dialect, prompt, "6 x 7?", "<think>\n")
    texts = [text for name, text in parts if name != "template"]
    expected = [prompt.system, prompt.tool, prompt.user("1 + 1?"), "It is 2.", prompt.before_problem, "6 x 7?"]
    assert sorted(texts) == sorted([text for text in expected if text] + ["<think>\n"])


@given(problem=st.text(max_size=20), before=st.text(max_size=10), after=st.text(max_size=10))
def test_the_parts_hold_every_token_once(problem: str, before: str, after: str) -> None:
    parts_of(COT, Prompt(before_problem=before, after_problem=after), problem)
