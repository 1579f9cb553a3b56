"""s1's dialect: ChatML whose assistant thinks under `<|im_start|>think` and answers under `<|im_start|>answer`.

Source: simplescaling/s1 (s1-32B's training format and its budget-forcing example). No tool.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForms
from aimo_solver.dialects.calls import Call
from aimo_solver.dialects.dialect import ToolSettings
from aimo_solver.dialects.prompt import Prompt, PromptTexts, encode_messages
from aimo_solver.engine.base import Tokenizer
from aimo_solver.errors import InputError
from aimo_solver.problems.answers import read_answer
from aimo_solver.problems.problem import AnswerRule

_START = "<|im_start|>"
_THINK, _ANSWER = f"{_START}think", f"{_START}answer"
USER_TEXT = "{problem}\n\nPut the final answer, {answers}, inside \\boxed{}."
_FINAL = "Final Answer: The final answer is $\\boxed{"


@dataclass(frozen=True, slots=True)
class S1Dialect:
    """Thinks, then answers; the settings `waits` and `max_tokens` force its budget (s1's budget forcing)."""

    tool: ToolSettings = field(default_factory=ToolSettings)
    name: str = "s1"
    stop: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    think_end: str | None = _ANSWER

    def prompt_texts(self, *, runs_code: bool) -> PromptTexts:
        return PromptTexts(user=USER_TEXT)

    def encode_prompt(self, problem: str, prompt: Prompt, tokenizer: Tokenizer) -> list[int]:
        """Raises InputError if the checkpoint's tokenizer has no ChatML tokens."""
        if len(tokenizer.encode(_START)) != 1:
            raise InputError(
                f"dialect s1 needs a ChatML tokenizer: this one has no token {_START}; name another preset"
            )
        token_ids = encode_messages(tokenizer, prompt.system, prompt.messages(problem))
        return token_ids + tokenizer.encode(_THINK)

    def find_code(self, turn: str) -> Call | None:
        return None

    def render_output(self, output: str, opened: str = "") -> str:
        return ""

    def close_thinking(self, text: str) -> str:
        return f"\n{_FINAL}" if _ANSWER in text else f"\n{_ANSWER}\n{_FINAL}"

    def find_answer(self, text: str, rule: AnswerRule, forms: AnswerForms = BOXED_ONLY) -> int | None:
        # The prompt opens the thinking.
        thought, _, said = text.rpartition(_ANSWER) if _ANSWER in text else (text, "", "")
        return read_answer(said, rule, forms, thought=thought)


S1 = S1Dialect()
