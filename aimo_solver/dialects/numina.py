"""Numina's dialect: ```` ```python ```` blocks answered by ```` ```output ```` blocks.

Source: project-numina/aimo-progress-prize; the demo model speaks it too. Unlike the original, only
the last block runs, in a session that keeps the variables of the earlier ones, and output keeps its tail.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForms
from aimo_solver.dialects.calls import Call
from aimo_solver.dialects.code_blocks import last_python_block
from aimo_solver.dialects.dialect import THINK_END, ToolSettings, close_think, split_thinking
from aimo_solver.dialects.prompt import Prompt, PromptTexts, encode_messages
from aimo_solver.engine.base import Tokenizer
from aimo_solver.problems.answers import read_answer
from aimo_solver.problems.problem import AnswerRule

_OUTPUT_START = "```output\n"


@dataclass(frozen=True, slots=True)
class NuminaDialect:
    """Stops at the output block that the model opens, and fills it in."""

    tool: ToolSettings = field(default_factory=ToolSettings)
    name: str = "numina"
    stop: tuple[str, ...] = (_OUTPUT_START,)
    ends: tuple[str, ...] = ()
    think_end: str | None = THINK_END

    def prompt_texts(self, *, runs_code: bool) -> PromptTexts:
        """Returns the bare problem, with which Numina's models and the demo model were trained."""
        return PromptTexts()

    def encode_prompt(self, problem: str, prompt: Prompt, tokenizer: Tokenizer) -> list[int]:
        return encode_messages(tokenizer, prompt.system, prompt.messages(problem))

    def find_code(self, turn: str) -> Call | None:
        """Returns the turn's last Python block. The token that completed the stop string may run past it."""
        opened = turn.rfind(_OUTPUT_START)
        code = last_python_block(turn[: max(opened, 0)])
        return None if code is None else Call(code=code)

    def render_output(self, output: str, opened: str = "") -> str:
        body = output if not output or output.endswith("\n") else output + "\n"
        return f"{body}```\n"

    def close_thinking(self, text: str) -> str:
        return close_think(text)

    def find_answer(self, text: str, rule: AnswerRule, forms: AnswerForms = BOXED_ONLY) -> int | None:
        said, thought = split_thinking(text)
        return read_answer(said, rule, forms, thought=thought)


NUMINA = NuminaDialect()
