"""The template dialect over the families' templates, string for string and token for token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.config.names import Effort
from aimo_solver.dialects.call_forms import turn_end
from aimo_solver.dialects.calls import Call
from aimo_solver.dialects.hermes import HERMES
from aimo_solver.dialects.prompt import Prompt, encode_prompt, opened_thought, reopened_thought
from aimo_solver.dialects.template import TemplateDialect, TemplateSupport, require_calls_are_read, template_support
from aimo_solver.engine.chat_template import ChatTemplate
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import ANY_INTEGER
from tests.helpers.chat_templates import PYTHON, TOKENS, NoReader, template_dialect, write_tokenizer
from tests.helpers.chat_turns import CODE, JSON_CODE, PROBLEM, PROMPT, REPLIES, TURNS, conversation, rendered

REFUSED: Final[Mapping[str, str]] = {
    "deepseek_r1_0528": "leaves the thinking out of turns that call a tool",
    "gemma_3": "has no turns that call a tool",
    "mistral_v3": "names each call by an id",
    "nemotron_nano_2": "leaves the thinking out of turns that call a tool",
}
OPEN_THINKING: Final = ("nemotron_3", "qwen3_5")
"""Templates that open a turn's thinking."""
OWN_WRITING: Final = ("gemma_4", "glm_4_5")
"""Templates whose calls are neither JSON nor XML of the usual names."""

Load = Callable[[str], tuple[HfTokenizer, TemplateDialect]]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """Returns a template's tokenizer and the dialect, which reads no calls."""
    loaded: dict[str, tuple[HfTokenizer, TemplateDialect]] = {}

    def load_once(name: str) -> tuple[HfTokenizer, TemplateDialect]:
        if name not in loaded:
            tokenizer = HfTokenizer(write_tokenizer(tmp_path_factory.mktemp(name), name))
            loaded[name] = tokenizer, template_dialect(tokenizer, NoReader())
        return loaded[name]

    return load_once


@pytest.mark.parametrize("name", TURNS)
def test_the_prompt_is_the_templates_own_token_for_token(name: str, load: Load) -> None:
    tokenizer, dialect = load(name)
    token_ids = encode_prompt(dialect, PROBLEM, tokenizer, prompt=PROMPT)
    if dialect.form.declares_tools:
        assert token_ids == tokenizer.backend.apply_chat_template(
            conversation(name)[:2],
            tools=[PYTHON],
            add_generation_prompt=True,
            return_dict=False,
            **dialect.form.style.variables,
        )
    text = tokenizer.decode(token_ids)
    assert [text.count(part) for part in (PROMPT.system, "Runs Python code.", PROBLEM)] == [1, 1, 1]


@pytest.mark.parametrize("name", TURNS)
def test_what_the_model_wrote_and_the_reply_are_what_the_template_gives(name: str, load: Load) -> None:
    tokenizer, dialect = load(name)
    messages = conversation(name)
    prompt, turn, reply = rendered(dialect, messages[:2]), TURNS[name], dialect.render_output("42")
    assert reply == REPLIES[name]
    whole = rendered(dialect, messages)
    assert prompt + turn + reply == whole
    assert [*tokenizer.encode(prompt), *tokenizer.encode(turn), *tokenizer.encode(reply)] == tokenizer.encode(whole)
    assert all(turn.endswith(stop) for stop in dialect.stop)


@pytest.mark.parametrize("name", TURNS)
@settings(max_examples=20, deadline=None)
@given(output=st.text("a1 \n\t<>&{}\"'π\\", max_size=30))
def test_any_output_is_read_as_the_template_gives_it(name: str, output: str, load: Load) -> None:
    _, dialect = load(name)
    messages = conversation(name, output=output)
    prompt, whole = rendered(dialect, messages[:2]), rendered(dialect, messages)
    assert prompt + TURNS[name] + dialect.render_output(output) == whole


@pytest.mark.parametrize("name", REFUSED)
def test_a_template_that_renders_turns_otherwise_than_the_model_wrote_them_is_refused(
    name: str, tmp_path: Path
) -> None:
    support = template_support(ChatTemplate(HfTokenizer(write_tokenizer(tmp_path, name))), ["hermes"])
    assert support.parser is None
    assert REFUSED[name] in support.reason


def test_a_template_that_reads_messages_in_parts_only_is_refused(tmp_path: Path) -> None:
    """As those of some checkpoints that see images: a text has no parts, and would be left out."""
    folder = write_tokenizer(tmp_path, "qwen3")
    template = folder / "chat_template.jinja"
    user = "{{- '<|im_start|>user\\n' + message.content + '<|im_end|>\\n' }}"
    assert user in template.read_text()
    parts = "{%- for part in message.content %}{{- part.text }}{%- endfor %}"
    template.write_text(template.read_text().replace(user, parts))
    support = template_support(ChatTemplate(HfTokenizer(folder)), ["hermes"])
    assert support == TemplateSupport(parser=None, reason="its chat template leaves out what a user says, as a text")


def test_every_template_here_is_either_used_or_refused() -> None:
    assert TURNS.keys() | REFUSED.keys() == TOKENS.keys()
    assert TURNS.keys() == REPLIES.keys()


def test_a_family_whose_parser_the_installed_vllm_lacks_is_refused(tmp_path: Path) -> None:
    support = template_support(ChatTemplate(HfTokenizer(write_tokenizer(tmp_path, "glm_4_5"))), ["hermes"])
    assert support.parser is None
    assert "no tool parser glm45 or glm47" in support.reason


@pytest.mark.parametrize("name", TURNS)
def test_thinking_is_opened_after_a_reply_where_the_template_opens_it(name: str, load: Load) -> None:
    tokenizer, dialect = load(name)
    opened = opened_thought(encode_prompt(dialect, PROBLEM, tokenizer, prompt=PROMPT), tokenizer)
    assert opened == ("<think>\n" if name in OPEN_THINKING else "")
    assert reopened_thought(dialect.render_output("42", opened), opened) == opened


@pytest.mark.parametrize("name", TURNS)
def test_a_flushed_text_reads_the_next_tokens_as_its_answer(name: str, load: Load) -> None:
    _, dialect = load(name)
    begin, end = dialect.form.think
    for text in ("", f"{begin}Hm", f"{begin}Hm{end}So"):
        closing = dialect.close_thinking(text)
        assert closing.count(end) == (1 if text.endswith("Hm") else 0)
        assert dialect.find_answer(text + closing + "42}$.", ANY_INTEGER) == 42


@pytest.mark.parametrize("name", TURNS)
def test_words_alone_and_calls_that_are_cut_off_are_no_call(name: str, load: Load) -> None:
    _, dialect = load(name)
    assert dialect.find_code("The answer is $\\boxed{42}$.") is None
    assert dialect.find_code(TURNS[name][:-12]) is None


@pytest.mark.parametrize("name", TURNS)
def test_a_call_that_the_parser_does_not_read_is_read_by_rule_or_answered_with_its_form(name: str, load: Load) -> None:
    _, dialect = load(name)
    call = dialect.find_code(TURNS[name])
    assert call is not None
    if name not in OWN_WRITING:
        assert call.code == CODE
    else:
        assert call.error == f"the call cannot be read. Write it as {dialect.form.example}"


def test_a_parser_that_does_not_read_the_templates_own_call_is_refused(load: Load) -> None:
    _, dialect = load("glm_4_5")
    with pytest.raises(InputError, match="parser glm45 or glm47 does not read a call as the chat template writes it"):
        require_calls_are_read(dialect)
    require_calls_are_read(HERMES)


@pytest.mark.parametrize("name", TURNS)
def test_the_form_that_the_model_is_shown_is_a_call_without_the_end_of_a_turn(name: str, load: Load) -> None:
    _, dialect = load(name)
    turn = TURNS[name].replace(JSON_CODE, '{"code": "print(1 + 1)"}').replace(CODE, "print(1 + 1)")
    assert turn.removesuffix(turn_end(turn)).endswith(dialect.form.example)
    assert not turn_end(dialect.form.example)


def test_without_a_tool_the_prompt_declares_none(load: Load) -> None:
    tokenizer, dialect = load("qwen3")
    text = tokenizer.decode(encode_prompt(dialect, PROBLEM, tokenizer, prompt=Prompt(system="Box the answer.")))
    assert text == (
        f"<|im_start|>system\nBox the answer.<|im_end|>\n<|im_start|>user\n{PROBLEM}<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("name", ["qwen3", "deepseek_v3", "deepseek_v3_1", "ministral_3", "llama_3_1"])
def test_line_breaks_that_json_does_not_allow_are_read_in_every_form_with_json(name: str, load: Load) -> None:
    _, dialect = load(name)
    turn = TURNS[name].replace(JSON_CODE, JSON_CODE.replace("\\n", "\n"))
    assert dialect.find_code(turn) == Call(code=CODE)


def test_a_template_that_says_how_long_to_reason_is_given_the_effort(tmp_path: Path) -> None:
    folder = write_tokenizer(tmp_path, "qwen3")
    template = folder / "chat_template.jinja"
    saying = "{{- 'Effort: ' + reasoning_effort + '. ' if reasoning_effort is defined else '' }}"
    template.write_text(saying + template.read_text())
    tokenizer = HfTokenizer(folder)
    dialect = template_dialect(tokenizer, NoReader())
    assert dialect.prompt_texts(runs_code=True).effort is Effort.HIGH
    token_ids = encode_prompt(dialect, PROBLEM, tokenizer, prompt=replace(PROMPT, effort=Effort.LOW))
    assert tokenizer.decode(token_ids).startswith("Effort: low. <|im_start|>system")


def test_other_templates_are_not(load: Load) -> None:
    _, dialect = load("qwen3")
    assert dialect.prompt_texts(runs_code=True).effort is None
