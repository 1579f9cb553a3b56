"""The template dialect, for families that have no file here: the checkpoint's own chat template, with our tool.

The prompt and what follows a call are what the template renders; the calls are read by one of the engine's parsers, as
a call's form is the family's own. Templates that do not allow it are refused (template_form.py).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForms
from aimo_solver.config.names import Effort
from aimo_solver.dialects.call_forms import installed_parser, turn_end
from aimo_solver.dialects.calls import Call, read_call
from aimo_solver.dialects.dialect import TOOL_TEXT, Dialect, ToolSettings, split_thinking
from aimo_solver.dialects.prompt import Prompt, PromptTexts, encode_messages
from aimo_solver.dialects.template_form import EXAMPLE_CODE, Template, TemplateForm, find_template_form
from aimo_solver.dialects.tool import python_tool
from aimo_solver.engine.base import Tokenizer
from aimo_solver.engine.chat_template import ChatTemplate
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.engine.tool_calls import CallReader, parser_names
from aimo_solver.errors import InputError
from aimo_solver.problems.answers import read_answer
from aimo_solver.problems.problem import AnswerRule

SYSTEM_TEXT = "Please reason step by step, and put your final answer, {answers}, within \\boxed{}."
_ANSWER = "\nThe answer is $\\boxed{"
_NO_MORE_CODE = "no more code can be run"


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
        """Returns the call that ends the turn, as the parser reads it; of several the first.

        One that it cannot read is read by the rules of calls.py, where its marks hold JSON or XML.
        """
        text = self.form.call.find_call(turn)
        if text is None:
            return None
        calls = self.reader.read(text)
        if calls:
            return read_call(json.dumps(asdict(calls[0])), form=self.form.example)
        written = self.form.call.nearly_read(text)
        if written is not None:
            return read_call(written, form=self.form.example)
        return Call(error=f"the call cannot be read. Write it as {self.form.example}")

    def render_output(self, output: str, opened: str = "") -> str:
        """Returns the template's own text, which opens thinking where the template does."""
        return self.form.reply(self.template, output)

    def close_thinking(self, text: str) -> str:
        begin, end = self.form.think
        closing = f"{end if text.rfind(begin) > text.rfind(end) else ''}{_ANSWER}"
        if self.form.call.end is None and self.form.call.find_call(text) is not None:
            # The turn ended with a call that has no end of its own: it is over, and answered.
            return f"{turn_end(text)}{self.render_output(_NO_MORE_CODE)}{_ANSWER}"
        return closing

    def find_answer(self, text: str, rule: AnswerRule, forms: AnswerForms = BOXED_ONLY) -> int | None:
        said, thought = split_thinking(text, *self.form.think)
        return read_answer(said, rule, forms, thought=thought)


def make_template_dialect(template: Template, reader: CallReader) -> TemplateDialect:
    """Returns the dialect of a template. Raises InputError, with the reason, if it cannot be used."""
    return TemplateDialect(template=template, reader=reader, form=find_template_form(template))


def require_calls_are_read(dialect: Dialect) -> None:
    """Raises InputError if the parser does not read a call as the template writes it. May take seconds (an import)."""
    if not isinstance(dialect, TemplateDialect):
        return
    form = dialect.form
    calls = dialect.reader.read(form.example)
    if [read_call(json.dumps(asdict(call))).code for call in calls] != [EXAMPLE_CODE]:
        raise InputError(
            f"vLLM's tool parser {' or '.join(form.call.parsers)} does not read a call as the chat template writes it, "
            f"{form.example!r}; name another dialect, such as cot"
        )


def template_support(template: Template, names: Collection[str]) -> TemplateSupport:
    """Returns whether the template dialect fits a chat template. `names`: the parsers that vLLM has."""
    try:
        form = find_template_form(template)
    except InputError as error:
        return TemplateSupport(parser=None, reason=str(error))
    parser = installed_parser(form.call, names)
    if parser is None:
        wanted = " or ".join(form.call.parsers)
        return TemplateSupport(parser=None, reason=f"the installed vLLM has no tool parser {wanted} for its calls")
    return TemplateSupport(parser=parser, reason=f"its chat template writes calls that vLLM's parser {parser} reads")


def checkpoint_support(folder: Path) -> TemplateSupport:
    """Returns whether the template dialect fits the checkpoint in a folder, with the installed vLLM.

    Raises EngineLoadError if the folder has no readable tokenizer.
    """
    return template_support(ChatTemplate(HfTokenizer(folder)), parser_names())


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
