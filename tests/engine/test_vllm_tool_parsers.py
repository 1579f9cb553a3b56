"""vLLM's own tool parsers read calls in every family's form, as its chat template writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.dialects.call_forms import CALL_FORMS, find_form, installed_parser
from aimo_solver.dialects.calls import Call
from aimo_solver.dialects.template import TemplateDialect, require_calls_are_read
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.engine.tool_calls import parser_names
from aimo_solver.engine.vllm.tool_parsers import VllmCallReader
from aimo_solver.errors import EngineLoadError
from aimo_solver.utils.paths import DEMO_MODEL
from tests.helpers.chat_templates import PYTHON, template_dialect, write_tokenizer
from tests.helpers.chat_turns import CODE, TURNS, conversation, rendered

pytestmark = pytest.mark.engine

JSON_CALL: Final = json.dumps({"name": "python", "arguments": {"code": CODE}})
FORMS: Final[Mapping[str, str]] = {
    "functiongemma": f"<start_function_call>call:python{{code:<escape>{CODE}<escape>}}<end_function_call>",
    "seed_oss": (
        f"<seed:tool_call>\n<function=python>\n<parameter=code>{CODE}</parameter>\n</function>\n</seed:tool_call>"
    ),
    "minimax_m2": (
        f'<minimax:tool_call>\n<invoke name="python">\n<parameter name="code">{CODE}</parameter>\n</invoke>\n'
        "</minimax:tool_call>"
    ),
    "granite": f"<|tool_call|>[{JSON_CALL}]",
    "olmo3": f"<function_calls>python(code={CODE!r})</function_calls>",
    "pythonic": f"[python(code={CODE!r})]",
}
"""By parser: a call in the forms that no template here has."""

Load = Callable[[str], TemplateDialect]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """Returns a template's dialect, with vLLM's parser for it."""
    loaded: dict[str, TemplateDialect] = {}

    def load_once(name: str) -> TemplateDialect:
        if name not in loaded:
            tokenizer = HfTokenizer(write_tokenizer(tmp_path_factory.mktemp(name), name))
            form = find_form(TURNS[name])
            assert form is not None
            parser = installed_parser(form, parser_names())
            assert parser is not None
            loaded[name] = template_dialect(tokenizer, VllmCallReader(parser, tokenizer, PYTHON))
        return loaded[name]

    return load_once


@pytest.mark.parametrize("name", TURNS)
def test_a_familys_call_is_read_by_its_parser(name: str, load: Load) -> None:
    dialect = load(name)
    assert dialect.find_code(TURNS[name]) == Call(code=CODE)
    require_calls_are_read(dialect)


@pytest.mark.parametrize("name", FORMS)
def test_the_other_forms_of_the_table_are_read_by_their_parsers(name: str, load: Load) -> None:
    form = find_form(FORMS[name])
    assert form is not None and name in form.parsers
    found = VllmCallReader(name, HfTokenizer(DEMO_MODEL), PYTHON).read(FORMS[name])
    assert [(call.name, json.loads(call.arguments)) for call in found] == [("python", {"code": CODE})]


def test_every_form_of_the_table_is_read_here() -> None:
    read = {find_form(text) for text in (*TURNS.values(), *FORMS.values())}
    assert read == set(CALL_FORMS)


def test_the_installed_vllm_has_a_parser_for_every_form() -> None:
    assert all(installed_parser(form, parser_names()) for form in CALL_FORMS)


def test_what_a_parser_cannot_read_gives_no_code_and_no_noise(load: Load, capfd: pytest.CaptureFixture[str]) -> None:
    for name in TURNS:
        found = load(name).reader.read("<tool_call>\n{]\n</tool_call>")
        assert all("code" not in call.arguments for call in found)
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_parser_that_does_not_fit_the_tokenizer_is_one_sentence() -> None:
    reader = VllmCallReader("llama3_json", HfTokenizer(DEMO_MODEL), PYTHON)
    with pytest.raises(EngineLoadError, match=r"parser llama3_json cannot be used .*; name another"):
        reader.read("")


@pytest.mark.parametrize("name", TURNS)
@settings(max_examples=30, deadline=None)
@given(program=st.text("x=1()# \n\tπ'\"\\{}<>[],:", max_size=40).map(lambda text: f"print({text!r})\n{text}\nx"))
def test_any_program_is_read_as_the_template_writes_it(name: str, program: str, load: Load) -> None:
    dialect = load(name)
    messages = conversation(name, program)
    whole, prompt = rendered(dialect, messages), rendered(dialect, messages[:2])
    turn = whole[len(prompt) : dialect.form.call.find_end(whole, len(prompt))]
    assert dialect.find_code(turn) == Call(code=program)
