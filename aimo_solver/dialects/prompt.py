"""Prompts: the dialect's prompt and, where they are set, the model's first words (the prefill)."""

from __future__ import annotations

from collections.abc import Sequence

from aimo_solver.dialects.dialect import Dialect, open_thought
from aimo_solver.engine.base import Tokenizer

_TAIL_TOKENS = 16
"""Tokens at the end of a prompt in which thinking may have been opened."""


def encode_prompt(dialect: Dialect, problem: str, tokenizer: Tokenizer, *, prefill: str = "") -> list[int]:
    """Returns the token ids of the whole prompt. Raises InputError if the tokenizer cannot express the dialect."""
    return prefilled_prompt(dialect.encode_prompt(problem, tokenizer), prefill, tokenizer)


def prefilled_prompt(token_ids: list[int], prefill: str, tokenizer: Tokenizer) -> list[int]:
    """Returns the prompt with the model's first words, unless its template has written them already."""
    opening = tokenizer.encode(prefill) if prefill else []
    # A template may leave out the line break after the words.
    tail = tokenizer.decode(token_ids[-len(opening) - 1 :])
    return token_ids if not prefill or tail.rstrip().endswith(prefill.rstrip()) else token_ids + opening


def opened_thought(token_ids: Sequence[int], tokenizer: Tokenizer) -> str:
    """Returns the thinking that the end of a prompt has opened, which a flush must close; "" if it has not."""
    return open_thought(tokenizer.decode(token_ids[-_TAIL_TOKENS:]))
