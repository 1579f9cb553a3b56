"""TemplateForm: what a chat template does with a tool, found out by rendering trial conversations.

Guarantees of a template that is not refused: inside one user's turn each rendering begins with the one before, so that
what the model wrote, followed by the reply that the template adds, is what the template gives; the reply is the same
for each call. A template that leaves out, reorders or renumbers earlier turns is refused with one sentence.
Not guaranteed: that the model was trained with what its template gives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from aimo_solver.dialects.call_forms import CallForm, find_form
from aimo_solver.dialects.tool import python_tool
from aimo_solver.errors import EngineLoadError, InputError

THINK_TAGS: Final = (
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<|channel>thought\n", "<channel|>"),
    ("<seed:think>", "</seed:think>"),
)
"""What begins and ends thinking, in the families that have it."""
_THINKING: Final[Mapping[str, Any]] = {"enable_thinking": True, "thinking": True}
"""The names that families have for it."""
EXAMPLE_CODE: Final = "print(1 + 1)"
_USER, _ABOUT = "Count the trees.", "Runs a trial."
_CALLS: Final = (("weigh this", "sum(range(11))", "saw 55"), ("weigh that", "sum(range(12))", "saw 66"))
"""Thought, code and output of two trial calls."""
_CALL_ID: Final = "q7w2e9r4t"
_PRINTED_TABLE: Final = "{'code'"
"""What Python prints of a table: the template wants a text."""


class Template(Protocol):
    """A chat template as text. `engine/chat_template.py` has one."""

    @property
    def text(self) -> str: ...

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """Returns the text up to the start of the assistant's turn. Raises EngineLoadError if it cannot."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a template wants what it renders."""

    variables: Mapping[str, Any]
    """What it is given beside messages and tools."""
    arguments_as_text: bool
    """Whether a call's arguments are JSON in a text, or a table."""
    thought_in: str | None
    """The key of a message that holds its thinking, or "blocks" or "tags" in its content; None where none is held."""

    def messages(self, calls: Sequence[tuple[str, str, str]], think: tuple[str, str]) -> list[dict[str, Any]]:
        """Returns a user's message, and two messages for each call."""
        found: list[dict[str, Any]] = [{"role": "user", "content": _USER}]
        for thought, code, output in calls:
            arguments = {"code": code}
            function = {"name": "python", "arguments": json.dumps(arguments) if self.arguments_as_text else arguments}
            called = {"id": _CALL_ID, "type": "function", "function": function}
            turn: dict[str, Any] = {"role": "assistant", "content": "", "tool_calls": [called]}
            if self.thought_in == "blocks":
                turn["content"] = [{"type": "thinking", "thinking": thought}]
            elif self.thought_in == "tags":
                turn["content"] = f"{think[0]}\n{thought}\n{think[1]}\n\n"
            elif self.thought_in is not None:
                turn[self.thought_in] = thought
            found.append(turn)
            found.append({"role": "tool", "name": "python", "tool_call_id": _CALL_ID, "content": output})
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateForm:
    """What a template does with a tool."""

    style: Style
    call: CallForm
    think: tuple[str, str]
    """What begins and ends thinking."""
    example: str
    """A call, as the template writes it, without the end of the turn."""
    declares_tools: bool
    """Whether it shows the model the tools that it is given."""
    says_effort: bool
    """Whether it takes the reasoning effort."""

    def reply(self, template: Template, output: str) -> str:
        """Returns what follows a call: the end of its turn, the output, and the start of the next turn."""
        thought, code, _ = _CALLS[0]
        text = _Trial(template, self.style, self.think).render((thought, code, output))
        return text[self.call.find_end(text, text.find(code)) :]


def find_template_form(template: Template) -> TemplateForm:
    """Returns what the template does with a tool. Raises InputError, with the reason, if it cannot be used."""
    think = next((tags for tags in THINK_TAGS if tags[1] in template.text), None)
    faults: list[InputError] = []
    for variables in ({},) if think is None else (_THINKING, {}):
        try:
            return _find_form(template, variables, think)
        except InputError as error:
            faults.append(error)
    raise faults[0]


@dataclass(frozen=True, slots=True)
class _Trial:
    """Renders trial conversations."""

    template: Template
    style: Style
    think: tuple[str, str]

    def render(self, *calls: tuple[str, str, str], **more: object) -> str:
        variables = {**self.style.variables, **more}
        messages = self.style.messages(calls, self.think)
        return self.template.render(messages, tools=[python_tool(_ABOUT)], variables=variables)


def _find_form(template: Template, variables: Mapping[str, Any], think: tuple[str, str] | None) -> TemplateForm:
    tags = think or THINK_TAGS[0]
    plain = Style(variables=variables, arguments_as_text=False, thought_in=None)
    opening = _Trial(template, plain, tags).render()
    if _USER not in opening:
        raise InputError("its chat template leaves out what a user says, as a text")
    thinks = think is not None and not opening.rstrip().endswith(think[1])
    trial, text = _find_style(template, variables, tags, thinks=thinks)
    if not text.startswith(opening):
        raise InputError("its chat template begins a turn that calls a tool otherwise than the turn that it opens")
    turn, code = text[len(opening) :], _CALLS[0][1]
    call = find_form(turn)
    if call is None:
        raise InputError(f"no tool parser is known for calls as its chat template writes them: {turn[:80]!r}")
    end = call.find_end(turn, turn.find(code))
    if end < 0:
        raise InputError("its chat template ends a turn that calls a tool with no token that is known to end turns")
    _check_reply(trial, call, text, len(opening) + end)
    begin = max(match.start() for match in re.finditer(call.start, turn[: turn.find(code)]))
    return TemplateForm(
        style=trial.style,
        call=call,
        think=tags,
        example=call.find_call(turn[begin:end].replace(code, EXAMPLE_CODE)) or "",
        declares_tools=_ABOUT in opening,
        says_effort=trial.render(reasoning_effort="low") != trial.render(reasoning_effort="high"),
    )


def _find_style(
    template: Template, variables: Mapping[str, Any], think: tuple[str, str], *, thinks: bool
) -> tuple[_Trial, str]:
    """Returns the style in which the template renders the first call whole, and what it renders."""
    thought, code, output = _CALLS[0]
    fault = "its chat template has no turns that call a tool"
    for thought_in in ("reasoning_content", "reasoning", "blocks", "tags") if thinks else (None,):
        for arguments_as_text in (False, True):
            style = Style(variables=variables, arguments_as_text=arguments_as_text, thought_in=thought_in)
            trial = _Trial(template, style, think)
            try:
                text = trial.render(_CALLS[0])
            except EngineLoadError as error:
                cause = error.__cause__ or error
                fault = f"its chat template has no turns that call a tool ({str(cause).splitlines()[0]})"
                continue
            if code not in text or _PRINTED_TABLE in text:
                continue
            if output not in text:
                raise InputError("its chat template leaves out what a tool returns")
            if not thinks or thought in text:
                return trial, text
            fault = "its chat template leaves the thinking out of turns that call a tool, so that no text extends it"
    raise InputError(fault)


def _check_reply(trial: _Trial, call: CallForm, text: str, end: int) -> None:
    """Refuses a template whose reply depends on the call, or that renders what came before it otherwise."""
    (_, _, first), (_, code, second) = _CALLS
    if _CALL_ID in text[end:]:
        raise InputError("its chat template names each call by an id that the model makes up, and answers by that id")
    both = trial.render(*_CALLS)
    if not both.startswith(text):
        raise InputError("its chat template renders earlier turns otherwise once there are later ones")
    if both[call.find_end(both, both.find(code)) :] != text[end:].replace(first, second):
        raise InputError("its chat template renders a second reply otherwise than the first")
