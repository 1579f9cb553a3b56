"""The template dialect, for families that have no file here: the checkpoint's own chat template, with our tool.

The prompt and what follows a call are what the template renders; the calls are read by one of the engine's parsers, as
a call's form is the family's own. Templates that do not allow it are refused (template_form.py).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForms
from aimo_solver.config.names import Effort
from aimo_solver.dialects.call_forms import installed_parser
from aimo_solver.dialects.calls import Call
from aimo_solver.dialects.dialect import TOOL_TEXT, ToolSettings
from aimo_solver.dialects.prompt import Prompt, PromptTexts, encode_messages
from aimo_solver.dialects.template_form import Template, TemplateForm, find_template_form, python_tool
from aimo_solver.engine.base import Tokenizer
from aimo_solver.engine.chat_template import ChatTemplate
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.engine.tool_calls import CallReader, ToolCall, parser_names
from aimo_solver.errors import InputError
from aimo_solver.problems.answers import read_answer
from aimo_solver.problems.problem import AnswerRule

SYSTEM_TEXT = "Please reason step by step, and put your final answer, {answers}, within \\boxed{}."
_SHOWN_CHARS = 200
"""Of arguments that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSupport:
    """Whether the template dialect fits a checkpoint."""

    parser: str | None
    """vLLM's tool parser for it; None if the dialect does not fit."""
    reason: str
    """A part of a sentence that says why it does, or does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateDialect:
    """Stops where a call ends; what follows is the template's."""

    template: Template
    reader: CallReader
    form: TemplateForm
    tool: ToolSettings = field(default_factory=lambda: ToolSettings(timeout_seconds=10.0, output_chars=1000))
    name: str = "template"
    ends: tuple[str, ...] = ()

    @property
    def stop(self) -> tuple[str, ...]:
        return () if self.form.call.end is None else (self.form.call.end,)

    @property
    def think_end(self) -> str | None:
        return self.form.think[1]

    def prompt_texts(self, *, runs_code: bool) -> PromptTexts:
        return PromptTexts(system=SYSTEM_TEXT, tool=TOOL_TEXT, effort=Effort.HIGH if self.form.says_effort else None)

    def encode_prompt(self, problem: str, prompt: Prompt, tokenizer: Tokenizer) -> list[int]:
        tools: list[dict[str, Any]] = [python_tool(prompt.tool)] if prompt.tool else []
        system = prompt.system
        if tools and not self.form.declares_tools:
            tools, system = [], "\n\n".join(filter(None, (system, self._declaration(tools[0]))))
        variables = dict(self.form.style.variables)
        if prompt.effort is not None and self.form.says_effort:
            variables["reasoning_effort"] = prompt.effort.value
        rendering = _Rendering(tokenizer, self.template, tools, variables)
        return encode_messages(rendering, system, prompt.messages(problem))

    def _declaration(self, tool: dict[str, Any]) -> str:
        """Returns the tool in words, for a template that knows calls but does not show the tools."""
        schema = json.dumps(tool, ensure_ascii=False)
        return f"# Tools\n\nYou may call this function:\n{schema}\n\nA call has exactly this form:\n{self.form.example}"

    def find_code(self, turn: str) -> Call | None:
        """Returns the code of the call that ends the turn, as the parser reads it."""
        text = self.form.call.find_call(turn)
        if text is None:
            return None
        calls = self.reader.read(text)
        if len(calls) != 1:
            fault = "It holds several calls" if calls else "It cannot be read"
            return Call(error=f"{fault}: write one call of python in exactly this form:\n{self.form.example}")
        return _code_of(calls[0])

    def render_output(self, output: str, opened: str = "") -> str:
        """Returns the template's own text, which opens thinking where the template does."""
        return self.form.reply(self.template, output)

    def close_thinking(self, text: str) -> str:
        begin, end = self.form.think
        return f"{end if text.rfind(begin) > text.rfind(end) else ''}\nThe answer is $\\boxed{{"

    def find_answer(self, text: str, rule: AnswerRule, forms: AnswerForms = BOXED_ONLY) -> int | None:
        return read_answer(text, rule, forms)


def make_template_dialect(template: Template, reader: CallReader) -> TemplateDialect:
    """Returns the dialect of a template. Raises InputError, with the reason, if it cannot be used."""
    return TemplateDialect(template=template, reader=reader, form=find_template_form(template))


def template_support(folder: Path, names: Collection[str] | None = None) -> TemplateSupport:
    """Returns whether the template dialect fits the checkpoint in a folder. `names`: the parsers that vLLM has.

    Raises EngineLoadError if the folder has no readable tokenizer.
    """
    try:
        form = find_template_form(ChatTemplate(HfTokenizer(folder)))
    except InputError as error:
        return TemplateSupport(parser=None, reason=str(error))
    parser = installed_parser(form.call, parser_names() if names is None else names)
    if parser is None:
        wanted = " or ".join(form.call.parsers)
        return TemplateSupport(parser=None, reason=f"the installed vLLM has no tool parser {wanted} for its calls")
    return TemplateSupport(parser=parser, reason=f"its chat template writes calls that vLLM's parser {parser} reads")


@dataclass(frozen=True, slots=True)
class _Rendering:
    """A tokenizer whose chat template is given tools and variables."""

    tokenizer: Tokenizer
    template: Template
    tools: Sequence[dict[str, Any]]
    variables: dict[str, Any]

    @property
    def has_chat_template(self) -> bool:
        return True

    def encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text)

    def encode_start(self, text: str) -> list[int]:
        return self.tokenizer.encode_start(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        return self.tokenizer.decode(token_ids)

    def encode_chat(self, messages: Sequence[dict[str, str]]) -> list[int]:
        return self.encode(self.template.render(messages, tools=self.tools, variables=self.variables))


def _code_of(call: ToolCall) -> Call:
    try:
        arguments: Any = json.loads(call.arguments)
        code: object = arguments["code"]
    except (ValueError, LookupError, TypeError):
        code = None
    if isinstance(code, str):
        return Call(code=code)
    return Call(error=f'python has one argument, the text "code"; got {call.arguments[:_SHOWN_CHARS]}')
