"""Plain chain of thought: no tool, `<think>` where the model has it, the answer in `\\boxed`.

A base model has no chat template: it is given plain text that asks for the box in words, and would go on with a problem
of its own after the solution, so that its turn ends there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForms
from aimo_solver.dialects.calls import Call
from aimo_solver.dialects.dialect import THINK_END, ToolSettings, close_think, split_thinking
from aimo_solver.dialects.prompt import Prompt, PromptTexts, encode_messages
from aimo_solver.engine.base import Tokenizer
from aimo_solver.problems.answers import read_answer
from aimo_solver.problems.problem import AnswerRule

PROBLEM_HEAD, SOLUTION_HEAD = "### Problem to solve\n", "### Solution\n"
USER_TEXT = "Please reason step by step, and put your final answer, {answers}, within \\boxed{}.\n\n{problem}"


@dataclass(frozen=True, slots=True)
class CotDialect:
    """Has no calls, so that a turn stops only where it ends."""

    tool: ToolSettings = field(default_factory=ToolSettings)
    name: str = "cot"
    stop: tuple[str, ...] = ()
    ends: tuple[str, ...] = (f"\n{PROBLEM_HEAD}",)
    think_end: str | None = THINK_END

    def prompt_texts(self, *, runs_code: bool) -> PromptTexts:
        return PromptTexts(user=USER_TEXT)

    def encode_prompt(self, problem: str, prompt: Prompt, tokenizer: Tokenizer) -> list[int]:
        if tokenizer.has_chat_template:
            return encode_messages(tokenizer, prompt.system, prompt.messages(problem))
        return tokenizer.encode_start(plain_prompt(problem, prompt))

    def find_code(self, turn: str) -> Call | None:
        return None

    def render_output(self, output: str, opened: str = "") -> str:
        return ""

    def close_thinking(self, text: str) -> str:
        return close_think(text)

    def find_answer(self, text: str, rule: AnswerRule, forms: AnswerForms = BOXED_ONLY) -> int | None:
        said, thought = split_thinking(text)
        return read_answer(said, rule, forms, thought=thought)


def plain_prompt(problem: str, prompt: Prompt) -> str:
    """Returns a prompt for a base model: the texts under heads, opened for the solution."""
    heads = {"user": PROBLEM_HEAD, "assistant": SOLUTION_HEAD}
    parts = [prompt.system, *(heads[message["role"]] + message["content"] for message in prompt.messages(problem))]
    return "\n\n".join(part for part in (*parts, SOLUTION_HEAD) if part)


COT = CotDialect()
