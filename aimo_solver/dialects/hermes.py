"""Hermes-style calls, as Qwen's models make them: JSON between `<tool_call>` tags, ChatML around it.

Source: the chat template of Qwen2.5 and Qwen3 (tools in the system message, results as a user's
`<tool_response>`). One call per turn: nothing is generated after the first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForms
from aimo_solver.dialects.calls import Call, read_call
from aimo_solver.dialects.dialect import (
    CALL_END,
    THINK_END,
    TOOL_TEXT,
    ToolSettings,
    close_think,
    find_call,
    split_thinking,
)
from aimo_solver.dialects.prompt import Prompt, PromptTexts, encode_messages
from aimo_solver.dialects.tool import python_tool
from aimo_solver.engine.base import Tokenizer
from aimo_solver.problems.answers import read_answer
from aimo_solver.problems.problem import AnswerRule

SYSTEM_TEXT = "Please reason step by step, and put your final answer, {answers}, within \\boxed{}."
_TOOLS_HEAD = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
)
_TOOLS_TAIL = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:\n"
    '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)


@dataclass(frozen=True, slots=True)
class HermesDialect:
    """Stops at the end of a call; the result is the next user message."""

    tool: ToolSettings = field(default_factory=lambda: ToolSettings(timeout_seconds=10.0, output_chars=1000))
    name: str = "hermes"
    stop: tuple[str, ...] = (CALL_END,)
    ends: tuple[str, ...] = ()
    think_end: str | None = THINK_END

    def prompt_texts(self, *, runs_code: bool) -> PromptTexts:
        return PromptTexts(system=SYSTEM_TEXT, tool=TOOL_TEXT)

    def encode_prompt(self, problem: str, prompt: Prompt, tokenizer: Tokenizer) -> list[int]:
        """Writes the tool into the system's message, as the family's templates do with `tools`."""
        schema = json.dumps(python_tool(prompt.tool), ensure_ascii=False)
        tools = f"{_TOOLS_HEAD}{schema}{_TOOLS_TAIL}" if prompt.tool else ""
        system = "\n\n".join(filter(None, (prompt.system, tools)))
        return encode_messages(tokenizer, system, prompt.messages(problem))

    def find_code(self, turn: str) -> Call | None:
        """Returns the turn's call; calls.py says how one that is nearly right is read."""
        call = find_call(turn)
        return None if call is None else read_call(call)

    def render_output(self, output: str, opened: str = "") -> str:
        response = f"<tool_response>\n{output}\n</tool_response>"
        return f"<|im_end|>\n<|im_start|>user\n{response}<|im_end|>\n<|im_start|>assistant\n{opened}"

    def close_thinking(self, text: str) -> str:
        return close_think(text)

    def find_answer(self, text: str, rule: AnswerRule, forms: AnswerForms = BOXED_ONLY) -> int | None:
        said, thought = split_thinking(text)
        return read_answer(said, rule, forms, thought=thought)


HERMES = HermesDialect()
