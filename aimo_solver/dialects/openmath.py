"""OpenMath's dialect: code between `<tool_call>` tags, answered by an ```` ```output ```` block.

Source: NVIDIA-NeMo/Skills (code tags of OpenMath-Nemotron), arXiv 2504.16891. Unlike the original,
tool output counts towards the context, and a long one loses its middle, not its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForms
from aimo_solver.dialects.calls import Call, looks_like_call, read_call
from aimo_solver.dialects.code_blocks import dedented, unfenced
from aimo_solver.dialects.dialect import (
    CALL_END,
    CALL_START,
    THINK_END,
    ToolSettings,
    close_think,
    find_call,
    split_thinking,
)
from aimo_solver.dialects.prompt import Prompt, PromptTexts, encode_messages
from aimo_solver.engine.base import Tokenizer
from aimo_solver.problems.answers import read_answer
from aimo_solver.problems.problem import AnswerRule

_BOX_TEXT = "Make sure to put the answer (and only answer) inside \\boxed{}. The answer is {answers}.\n\n{problem}"
USER_TEXT = f"Solve the following math problem. {_BOX_TEXT}"
CODE_USER_TEXT = (
    "Solve the following math problem, integrating natural language reasoning with Python code executions.\n"
    f"You may perform up to {{code_rounds}} Python code calls to assist your reasoning.\n{_BOX_TEXT}"
)
_FORM = f"plain Python code between {CALL_START} and {CALL_END}"


@dataclass(frozen=True, slots=True)
class OpenMathDialect:
    """Stops at the end of a call, and opens the output block itself."""

    tool: ToolSettings = field(default_factory=lambda: ToolSettings(timeout_seconds=10.0, output_chars=1000))
    name: str = "openmath"
    stop: tuple[str, ...] = (CALL_END,)
    ends: tuple[str, ...] = ()
    think_end: str | None = THINK_END

    def prompt_texts(self, *, runs_code: bool) -> PromptTexts:
        return PromptTexts(user=CODE_USER_TEXT if runs_code else USER_TEXT)

    def encode_prompt(self, problem: str, prompt: Prompt, tokenizer: Tokenizer) -> list[int]:
        return encode_messages(tokenizer, prompt.system, prompt.messages(problem))

    def find_code(self, turn: str) -> Call | None:
        call = find_call(turn)
        if call is None:
            return None
        if looks_like_call(call):  # JSON is Python too, whose run would do nothing.
            return read_call(call, form=_FORM)
        return Call(code=dedented(unfenced(call.replace("\r\n", "\n").removeprefix("\n").removesuffix("\n"))))

    def render_output(self, output: str, opened: str = "") -> str:
        body = output if not output or output.endswith("\n") else output + "\n"
        return f"\n```output\n{body}```\n"

    def close_thinking(self, text: str) -> str:
        return close_think(text)

    def find_answer(self, text: str, rule: AnswerRule, forms: AnswerForms = BOXED_ONLY) -> int | None:
        said, thought = split_thinking(text)
        return read_answer(said, rule, forms, thought=thought)


OPENMATH = OpenMathDialect()
