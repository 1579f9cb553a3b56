"""Call forms: how model families write a call of a tool, and which of vLLM's tool parsers reads it.

A form is told from a call as the checkpoint's own template writes it, not from the model's name.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

TURN_ENDS: Final = (
    "</s>", "<|eot_id|>", "<|eom_id|>", "<|eot|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|end_of_text|>",
)  # fmt: skip
"""Tokens that end a turn, of families whose calls have no end of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
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

    def find_end(self, text: str, after: int) -> int:
        """Returns where the call that holds the position `after` ends, in a text of a template's; -1 if it does not."""
        ends = TURN_ENDS if self.end is None else (self.end,)
        found = [(place, mark) for mark in ends if (place := text.find(mark, after)) >= 0]
        return -1 if not found else min(found)[0] + len(min(found)[1])

    def find_call(self, turn: str) -> str | None:
        """Returns the call that ends a turn of the model's; None if it has none, or one that is not complete.

        With an end of its own that is the last one, as generation stops there, and the token that completed the end
        may run past it. Without one, it is everything from the first call to the end of the turn.
        """
        if self.end is not None:
            end = turn.rfind(self.end)
            body = turn[: end + len(self.end)] if end >= 0 else ""
        else:
            turn = turn.rstrip()
            mark = next((mark for mark in TURN_ENDS if turn.endswith(mark)), None)
            body = "" if mark is None else turn.removesuffix(mark)
        starts = [match.start() for match in re.finditer(self.start, body)]
        return body[starts[0 if self.end is None else -1] :] if starts else None


def _tagged(name: str, pattern: str, start: str, end: str | None, *more: str) -> CallForm:
    return CallForm(parsers=(name, *more), pattern=pattern, start=start, end=end)


_JSON: Final = r'\{\s*"name":\s*"python",\s*"arguments":'
CALL_FORMS: Final = (
    _tagged("gemma4", r"<\|tool_call>call:python\{", r"<\|tool_call>", "<tool_call|>"),
    _tagged("functiongemma", "<start_function_call>", "<start_function_call>", "<end_function_call>"),
    _tagged("qwen3_coder", r"<tool_call>\s*<function=python>", "<tool_call>", "</tool_call>", "qwen3_xml"),
    _tagged("seed_oss", r"<seed:tool_call>\s*<function=python>", "<seed:tool_call>", "</seed:tool_call>"),
    _tagged("glm45", r"<tool_call>python\s*<arg_key>", "<tool_call>", "</tool_call>", "glm47"),
    _tagged("hermes", rf"<tool_call>\s*{_JSON}", "<tool_call>", "</tool_call>"),
    _tagged("minimax_m2", "<minimax:tool_call>", "<minimax:tool_call>", "</minimax:tool_call>"),
    _tagged(
        "deepseek_v3", r"<｜tool▁sep｜>python\s*```json", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁end｜>"
    ),
    _tagged("deepseek_v31", "<｜tool▁call▁begin｜>python", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁end｜>"),
    _tagged("mistral", r"\[TOOL_CALLS\]", r"\[TOOL_CALLS\]", None),
    _tagged("granite", rf"<\|tool_call\|>\s*\[{_JSON}", r"<\|tool_call\|>", None),
    _tagged("olmo3", r"<function_calls>\s*python\(", "<function_calls>", "</function_calls>"),
    _tagged("llama3_json", r'\{"name":\s*"python",\s*"parameters":', r'\{"name":\s*"', None),
    _tagged("pythonic", r"\[python\(code=", r"\[python\(", None),
)  # fmt: skip
"""Tried in this order."""


def find_form(call: str) -> CallForm | None:
    """Returns the form of a call of `python`; None for one that the table does not have."""
    return next((form for form in CALL_FORMS if re.search(form.pattern, call)), None)


def installed_parser(form: CallForm, names: Collection[str]) -> str | None:
    """Returns the form's parser among the names that the installed vLLM has; None if it has none."""
    return next((name for name in form.parsers if name in names), None)
