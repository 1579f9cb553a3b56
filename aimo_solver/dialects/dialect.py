"""The Dialect protocol and the tool settings that belong to a model family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from aimo_solver.engine.base import Tokenizer
from aimo_solver.problems.problem import AnswerRule
from aimo_solver.sandbox.execution import ExecutionResult


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """How a family's models were used to their Python tool."""

    timeout_seconds: float = 5.0
    """For one cell."""
    output_chars: int = 400
    """What the model is shown of a cell's output; the middle is cut out of anything longer."""


class Dialect(Protocol):
    """How one model family writes. Stateless."""

    @property
    def name(self) -> str: ...

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings that end a turn because code wants to run."""
        ...

    @property
    def think_end(self) -> str | None:
        """What ends thinking; None where the end of the turn does."""
        ...

    @property
    def tool(self) -> ToolSettings: ...

    def encode_prompt(self, problem: str, tokenizer: Tokenizer) -> list[int]:
        """Token ids of the whole prompt, opened for the model's first turn."""
        ...

    def find_code(self, turn: str) -> str | None:
        """The code this turn asks to run, or None when the turn does not end in a call."""
        ...

    def render_output(self, output: str) -> str:
        """What follows the turn once its code has run."""
        ...

    def close_thinking(self, text: str) -> str:
        """What to append to an unfinished text so that the next tokens are the answer."""
        ...

    def find_answer(self, text: str, rule: AnswerRule) -> int | None:
        """The answer the generated text (tool output left out) commits to."""
        ...


CALL_START, CALL_END = "<tool_call>", "</tool_call>"


def find_call(turn: str) -> str | None:
    """What stands in the turn's last call; the token that completed the stop may run past its end."""
    end = turn.rfind(CALL_END)
    start = turn.rfind(CALL_START, 0, max(end, 0))
    return turn[start + len(CALL_START) : end] if 0 <= start < end else None


_THINK_START, THINK_END = "<think>", "</think>"


def open_thought(prompt_tail: str) -> str:
    """The thinking that a prompt's end has opened, by its template or by a prefill; else nothing."""
    start = prompt_tail.rfind(_THINK_START)
    return prompt_tail[start:] if start > prompt_tail.rfind(THINK_END) else ""


def close_think(text: str) -> str:
    """Ends `<think>` where it is open, and begins the answer: for families that think between these tags."""
    thinking = text.rfind(_THINK_START) > text.rfind(THINK_END)
    return f"{THINK_END if thinking else ''}\nThe answer is $\\boxed{{"


def shown_output(result: ExecutionResult, limit_chars: int) -> str:
    """What the model sees of a result: what was printed, then the error, the middle cut out."""
    parts = [part.rstrip("\n") for part in (result.stdout, result.error) if part]
    return cut_middle("\n".join(parts), limit_chars)


def cut_middle(text: str, limit_chars: int) -> str:
    """At most about `limit_chars` of the text, its head and its tail."""
    if len(text) <= limit_chars:
        return text
    head, tail = limit_chars // 2, limit_chars - limit_chars // 2
    return f"{text[:head]}\n... {len(text) - limit_chars} characters cut ...\n{text[len(text) - tail :]}"
