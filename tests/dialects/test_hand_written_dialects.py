"""The dialects that have a file here write what their families' chat templates do, token for token."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.dialects.calls import Call
from aimo_solver.dialects.cot import COT
from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.hermes import HERMES
from aimo_solver.dialects.numina import NUMINA
from aimo_solver.dialects.openmath import OPENMATH
from aimo_solver.dialects.prompt import Prompt, encode_prompt
from aimo_solver.dialects.s1 import S1
from aimo_solver.dialects.tool import python_tool
from aimo_solver.engine.chat_template import ChatTemplate
from aimo_solver.engine.tokenizer import HfTokenizer
from tests.helpers.chat_templates import PYTHON, NoReader, template_dialect, write_tokenizer
from tests.helpers.chat_turns import CODE, PROBLEM, PROMPT, TURNS, conversation

WITH_JSON_CALLS: Final = ("qwen2_5", "qwen3")
PLAIN: Final = ("qwen2_5", "qwen3", "deepseek_v3", "gemma_3", "glm_4_5", "llama_3_1", "ministral_3", "mistral_v3")


@pytest.fixture(scope="module", params=PLAIN)
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> HfTokenizer:
    """A family's tokenizer, with its chat template."""
    return HfTokenizer(write_tokenizer(tmp_path_factory.mktemp("family"), request.param))


@pytest.mark.parametrize("dialect", [COT, OPENMATH, NUMINA], ids=lambda dialect: dialect.name)
def test_a_dialect_without_declared_tools_writes_the_plain_template(dialect: Dialect, tokenizer: HfTokenizer) -> None:
    prompt = Prompt(before_problem="Box it.\n\n")
    messages = [{"role": "user", "content": f"Box it.\n\n{PROBLEM}"}]
    expected = tokenizer.backend.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert encode_prompt(dialect, PROBLEM, tokenizer, prompt=prompt) == expected


def test_a_systems_text_is_the_templates_system_message(tokenizer: HfTokenizer) -> None:
    messages = [{"role": "system", "content": "Box it."}, {"role": "user", "content": PROBLEM}]
    expected = tokenizer.backend.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert encode_prompt(COT, PROBLEM, tokenizer, prompt=Prompt(system="Box it.")) == expected


@pytest.mark.parametrize("name", ["qwen2_5", "qwen3"])
def test_s1_opens_its_thinking_where_the_template_opens_the_turns_content(name: str, tmp_path: Path) -> None:
    tokenizer = HfTokenizer(write_tokenizer(tmp_path, name))
    text = tokenizer.decode(encode_prompt(S1, PROBLEM, tokenizer, prompt=Prompt()))
    messages = [{"role": "user", "content": PROBLEM}]
    plain = ChatTemplate(tokenizer).render(messages)
    assert text == f"{plain}<|im_start|>think"


@pytest.mark.parametrize("name", WITH_JSON_CALLS)
def test_hermes_writes_prompt_and_reply_as_the_template_does_with_tools(name: str, tmp_path: Path) -> None:
    tokenizer = HfTokenizer(write_tokenizer(tmp_path, name))
    by_template = template_dialect(tokenizer, NoReader())
    token_ids = encode_prompt(HERMES, PROBLEM, tokenizer, prompt=PROMPT)
    assert token_ids == tokenizer.backend.apply_chat_template(
        conversation(name)[:2], tools=[PYTHON], add_generation_prompt=True, return_dict=False
    )
    assert token_ids == encode_prompt(by_template, PROBLEM, tokenizer, prompt=PROMPT)
    assert HERMES.render_output("42") == by_template.render_output("42")
    assert HERMES.stop == by_template.stop
    assert HERMES.find_code(TURNS[name]) == Call(code=CODE)


@settings(max_examples=25, deadline=None)
@given(text=st.text("aπ\"'<>&{}\n\\ ", min_size=1, max_size=30).map(lambda text: f"x{text}x"))
def test_hermes_escapes_a_tools_description_as_the_template_does(text: str, qwen3: HfTokenizer) -> None:
    by_template = ChatTemplate(qwen3).render([{"role": "user", "content": PROBLEM}], tools=[python_tool(text)])
    prompt = Prompt(tool=text)
    assert qwen3.decode(encode_prompt(HERMES, PROBLEM, qwen3, prompt=prompt)) == by_template


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory: pytest.TempPathFactory) -> HfTokenizer:
    return HfTokenizer(write_tokenizer(tmp_path_factory.mktemp("qwen3"), "qwen3"))


def test_hermes_opens_thinking_again_where_the_template_always_opens_it(qwen3: HfTokenizer, tmp_path: Path) -> None:
    """As in Qwen3's thinking releases, whose template opens `<think>` for every turn of the assistant's."""
    folder = write_tokenizer(tmp_path, "qwen3")
    opening = "{{- '<|im_start|>assistant\\n"
    before, _, after = qwen3.backend.chat_template.rpartition(opening)
    (folder / "chat_template.jinja").write_text(f"{before}{opening}<think>\\n{after}")
    tokenizer = HfTokenizer(folder)
    prompt = tokenizer.decode(encode_prompt(HERMES, PROBLEM, tokenizer, prompt=PROMPT))
    assert prompt.endswith("assistant\n<think>\n")
    assert HERMES.render_output("42", "<think>\n") == template_dialect(tokenizer, NoReader()).render_output("42")
