"""Hermes-style calls, as Qwen's models make them: JSON between `<tool_call>` tags, ChatML around it.

Source: the chat template of Qwen2.5 and Qwen3 (tools in the system message, results as a user's
`<tool_response>`). One call per turn: nothing is generated after the first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForms
from aimo_solver.dialects.calls import Call
from aimo_solver.dialects.dialect import CALL_END, THINK_END, ToolSettings, close_think, find_call
from aimo_solver.engine.base import Tokenizer
from aimo_solver.problems.answers import read_answer
from aimo_solver.problems.problem import AnswerRule

TOOL = {
    "type": "function",
    "function": {
        "name": "python",
        "description": "Runs Python code in a session that keeps its variables, and returns what it prints.",
        "parameters": {
            "type": "object",
            "properties": {"code": {"type": "string", "description": "The code to run."}},
            "required": ["code"],
        },
    },
}
SYSTEM = (
    "Please reason step by step, and put your final answer within \\boxed{}.\n\n"
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n"
    f"<tools>\n{json.dumps(TOOL)}\n</tools>\n\n"
    "For each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:\n"
    '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)


@dataclass(frozen=True, slots=True)
class HermesDialect:
    """Stops at the end of a call; the result is the next user message."""

    tool: ToolSettings = field(default_factory=lambda: ToolSettings(timeout_seconds=10.0, output_chars=1000))
    name: str = "hermes"
    stop: tuple[str, ...] = (CALL_END,)
    think_end: str | None = THINK_END

    def encode_prompt(self, problem: str, tokenizer: Tokenizer) -> list[int]:
        return tokenizer.encode_chat([{"role": "system", "content": SYSTEM}, {"role": "user", "content": problem}])

    def find_code(self, turn: str) -> Call | None:
        """Returns the call's code. A body that is not such JSON is run as it is: its error is shown to the model."""
        call = find_call(turn)
        if call is None:
            return None
        body = call.strip()
        try:
            arguments: Any = json.loads(body)["arguments"]
            if isinstance(arguments, str):
                arguments = json.loads(arguments)
            code: object = arguments["code"]
        except (ValueError, KeyError, TypeError):
            return Call(code=body)
        return Call(code=code if isinstance(code, str) else body)

    def render_output(self, output: str) -> str:
        response = f"<tool_response>\n{output}\n</tool_response>"
        return f"<|im_end|>\n<|im_start|>user\n{response}<|im_end|>\n<|im_start|>assistant\n"

    def close_thinking(self, text: str) -> str:
        return close_think(text)

    def find_answer(self, text: str, rule: AnswerRule, forms: AnswerForms = BOXED_ONLY) -> int | None:
        return read_answer(text, rule, forms)


HERMES = HermesDialect()
