"""Call forms: how model families write a call of a tool, and which of vLLM's tool parsers reads it.

A form is recognised by a call as the checkpoint's own template writes it, not by the model's name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

TURN_ENDS: Final = (
    "</s>", "<|eot_id|>", "<|eom_id|>", "<|eot|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|end_of_text|>",
)  # fmt: skip
"""Tokens that end a turn, of families whose calls have no end of their own."""


@dataclass(frozen=True, slots=True)
class CallForm:
    """How a family writes a call."""

    parsers: tuple[str, ...]
    """The names that versions of vLLM have for its parser, the preferred first."""
    pattern: str
    """A regular expression that finds a call of `python` in this form, and in no form further down the table."""
    start: str
    """A regular expression for what begins a call."""
    end: str | None
    """What ends one call, and nothing else; None where only the end of the turn does."""
    arguments: str | None = None
    """A regular expression for what stands between name and arguments, where these are JSON and the name is not."""

    def find_end(self, text: str, after: int) -> int:
        """Returns where the call that holds the position `after` ends, in a text of a template's; -1 if it does not."""
        ends = TURN_ENDS if self.end is None else (self.end,)
        found = [(place, mark) for mark in ends if (place := text.find(mark, after)) >= 0]
        return -1 if not found else min(found)[0] + len(min(found)[1])

    def find_call(self, text: str) -> str | None:
        """Returns the call that ends what the model has written; None if that ends in none, or in one that is cut off.

        With an end of its own that is the last one, as generation stops there, and the token that completed the end
        may run past it. Without one it is everything from the turn's first call to its end.
        """
        if self.end is not None:
            end = text.rfind(self.end)
            body = text[: end + len(self.end)] if end >= 0 else ""
        else:
            mark = turn_end(text)
            *_, body = re.split("|".join(map(re.escape, TURN_ENDS)), text.rstrip().removesuffix(mark) if mark else "")
        starts = [match.start() for match in re.finditer(self.start, body)]
        return body[starts[0 if self.end is None else -1] :] if starts else None

    def nearly_read(self, call: str) -> str | None:
        """Returns a call as JSON or XML that the rules of calls.py may still read; None where it holds neither."""
        body = re.sub(f"^(?:{self.start})", "", call).removesuffix(self.end or "").strip()
        if body.startswith(("{", "[", "<function=", "<invoke")):
            return body
        match = None if self.arguments is None else re.search(self.arguments, body)
        if match is None:
            return None
        names = re.findall(r"[\w.]+", body[: match.start()])
        return json.dumps({"name": names[-1] if names else "", "arguments": body[match.end() :].removesuffix("```")})


def turn_end(text: str) -> str:
    """Returns the token that ends the text, of those that end turns; "" if none does."""
    return next((mark for mark in TURN_ENDS if text.rstrip().endswith(mark)), "")


_DEEPSEEK: Final = ("<｜tool▁calls▁begin｜>", "<｜tool▁call▁end｜>")
_JSON: Final = r'\{\s*"name":\s*"python",\s*"arguments":'
CALL_FORMS: Final = (
    CallForm(("gemma4",), r"<\|tool_call>call:python\{", r"<\|tool_call>", "<tool_call|>"),
    CallForm(("functiongemma",), "<start_function_call>", "<start_function_call>", "<end_function_call>"),
    CallForm(("qwen3_coder", "qwen3_xml"), r"<tool_call>\s*<function=python>", "<tool_call>", "</tool_call>"),
    CallForm(("seed_oss",), r"<seed:tool_call>\s*<function=python>", "<seed:tool_call>", "</seed:tool_call>"),
    CallForm(("glm45", "glm47"), r"<tool_call>python\s*<arg_key>", "<tool_call>", "</tool_call>"),
    CallForm(("hermes",), rf"<tool_call>\s*{_JSON}", "<tool_call>", "</tool_call>"),
    CallForm(("minimax_m2",), "<minimax:tool_call>", "<minimax:tool_call>", "</minimax:tool_call>"),
    CallForm(("deepseek_v3",), r"<｜tool▁sep｜>python\s*```json", *_DEEPSEEK, r"\s*```json\s*"),
    CallForm(("deepseek_v31",), "<｜tool▁call▁begin｜>python", *_DEEPSEEK, "<｜tool▁sep｜>"),
    CallForm(("mistral",), r"\[TOOL_CALLS\]", r"\[TOOL_CALLS\]", None, r"\[ARGS\]"),
    CallForm(("granite",), rf"<\|tool_call\|>\s*\[{_JSON}", r"<\|tool_call\|>", None),
    CallForm(("olmo3",), r"<function_calls>\s*python\(", "<function_calls>", "</function_calls>"),
    CallForm(("llama3_json",), r'\{"name":\s*"python",\s*"parameters":', r'(?=\{"name":\s*")', None),
    CallForm(("pythonic",), r"\[python\(code=", r"(?=\[python\()", None),
)
"""Tried in this order."""


def find_form(call: str) -> CallForm | None:
    """Returns the form of a call of `python`; None for one that the table does not have."""
    return next((form for form in CALL_FORMS if re.search(form.pattern, call)), None)


def installed_parser(form: CallForm, names: Collection[str]) -> str | None:
    """Returns the form's parser among the names that the installed vLLM has; None if it has none."""
    return next((name for name in form.parsers if name in names), None)
