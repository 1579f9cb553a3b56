"""Dialect: how a model family writes, and the tool settings it was trained with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForms
from aimo_solver.dialects.calls import Call
from aimo_solver.engine.base import Tokenizer
from aimo_solver.problems.problem import AnswerRule
from aimo_solver.sandbox.base import ExecutionResult

if TYPE_CHECKING:
    from aimo_solver.dialects.prompt import Prompt, PromptTexts

TOOL_TEXT = (
    "Runs Python code in a session that keeps its variables from call to call, and returns what the code prints and "
    "the value of its last expression. A call is ended after {timeout_seconds} seconds; of an output longer than "
    "{output_chars} characters the middle is cut out. The number of calls is limited to {code_rounds}. The session has "
    "{memory} of memory and no internet access. Libraries that can be imported, beside Python's own: {libraries}."
)
"""The tool's description, for dialects that declare it. Every number in it is a placeholder."""


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """The limits of the Python tool that a family's models were trained with."""

    timeout_seconds: float = 5.0
    """Per cell."""
    output_chars: int = 400
    """Characters of a cell's output that the model is shown; the middle of a longer output is cut out."""


class Dialect(Protocol):
    """How one model family writes thoughts, code, output and answers. Stateless."""

    @property
    def name(self) -> str: ...

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings that end a turn because the model asks for its code to be run."""
        ...

    @property
    def ends(self) -> tuple[str, ...]:
        """Strings at which a turn is over though the model writes on; they are cut off."""
        ...

    @property
    def think_end(self) -> str | None:
        """The text that ends thinking; None where the end of the turn does."""
        ...

    @property
    def tool(self) -> ToolSettings: ...

    def prompt_texts(self, *, runs_code: bool) -> PromptTexts:
        """Returns the texts around a problem that the family was trained with; they state only what holds.

        `runs_code`: whether the code that the model writes runs.
        """
        ...

    def encode_prompt(self, problem: str, prompt: Prompt, tokenizer: Tokenizer) -> list[int]:
        """Returns the token ids of the whole prompt, opened for the model's first turn."""
        ...

    def find_code(self, turn: str) -> Call | None:
        """Returns the call that this turn ends in; None when it does not end in one."""
        ...

    def render_output(self, output: str, opened: str = "") -> str:
        """Returns the text that follows the turn once its code has run.

        `opened`: the thinking that the end of the prompt opened. A dialect whose output begins another turn of the
        assistant's opens it again, at the very end.
        """
        ...

    def close_thinking(self, text: str) -> str:
        """Returns the text to append to an unfinished one so that the next tokens are the answer.

        `text` is what the model wrote, without outputs. Where the model has ended its turn, `text` ends with the
        token that ends it, which the context no longer holds: the same turn continues.
        """
        ...

    def find_answer(self, text: str, rule: AnswerRule, forms: AnswerForms = BOXED_ONLY) -> int | None:
        """Returns the answer that the generated text, without tool output, commits to in one of the forms."""
        ...


def calls_code(dialect: Dialect) -> bool:
    """Returns whether the family's models ask for code to be run: at a stop string, or with a tool that is declared."""
    return bool(dialect.stop) or bool(dialect.prompt_texts(runs_code=True).tool)


def closing_tokens(dialect: Dialect, tokenizer: Tokenizer) -> int:
    """Returns the tokens that closing a text may take, whatever is open in it: nothing, a message or a thought."""
    return max(len(tokenizer.encode(dialect.close_thinking(text))) for text in ("", "x", _THINK_START))


CALL_START, CALL_END = "<tool_call>", "</tool_call>"


def find_call(turn: str) -> str | None:
    """Returns the body of the turn's first call; the token that completed the stop string may run past its end."""
    end = turn.find(CALL_END)
    start = turn.rfind(CALL_START, 0, max(end, 0))
    return turn[start + len(CALL_START) : end] if 0 <= start < end else None


_THINK_START, THINK_END = "<think>", "</think>"


def open_thought(prompt_tail: str) -> str:
    """Returns the thinking that the end of a prompt has opened, by its template or a prefill; "" if it has not."""
    start = prompt_tail.rfind(_THINK_START)
    return prompt_tail[start:] if start > prompt_tail.rfind(THINK_END) else ""


def split_thinking(text: str, begin: str = _THINK_START, end: str = THINK_END) -> tuple[str, str]:
    """Returns what is said after thinking ended for the last time, and everything else.

    Without an end all of the text is said after it, up to where thinking begins.
    """
    before, _, after = text.rpartition(end)
    said, begun, open_thinking = after.partition(begin)
    return said, before + begun + open_thinking


def close_think(text: str) -> str:
    """Returns the end of an open `<think>` and the start of the answer, for families that think between these tags."""
    thinking = text.rfind(_THINK_START) > text.rfind(THINK_END)
    return f"{THINK_END if thinking else ''}\nThe answer is $\\boxed{{"


def shown_output(result: ExecutionResult, max_chars: int) -> str:
    """Returns what the model is shown of a result: what was printed, then the error, the middle cut out."""
    parts = [part.rstrip("\n") for part in (result.stdout, result.error) if part]
    return cut_middle("\n".join(parts), max_chars)


def cut_middle(text: str, max_chars: int) -> str:
    """Returns the text; of one longer than `max_chars` only that many, from its head and tail, and a note between."""
    if len(text) <= max_chars:
        return text
    head, tail = max_chars // 2, max_chars - max_chars // 2
    return f"{text[:head]}\n... {len(text) - max_chars} characters cut ...\n{text[len(text) - tail :]}"
