"""Prompts as a model gets them: the dialect's, and where it is asked for the model's first words."""

from __future__ import annotations

from collections.abc import Sequence

from aimo_solver.dialects.dialect import Dialect, open_thought
from aimo_solver.engine.base import Tokenizer

_TAIL_TOKENS = 16
"""Of a prompt, in which thinking may have been opened."""


def encode_prompt(dialect: Dialect, problem: str, tokenizer: Tokenizer, prefill: str = "") -> list[int]:
    """Token ids of the whole prompt. Raises InputError where the tokenizer cannot express the dialect."""
    return prefilled(dialect.encode_prompt(problem, tokenizer), prefill, tokenizer)


def prefilled(token_ids: list[int], prefill: str, tokenizer: Tokenizer) -> list[int]:
    """The prompt with the model's first words, unless its template has written them already (Open R1)."""
    opening = tokenizer.encode(prefill) if prefill else []
    # A template may leave out the line break behind the words.
    tail = tokenizer.decode(token_ids[-len(opening) - 1 :])
    return token_ids if not prefill or tail.rstrip().endswith(prefill.rstrip()) else token_ids + opening


def opened_thought(token_ids: Sequence[int], tokenizer: Tokenizer) -> str:
    """The thinking that a prompt's end has opened, which a forced answer must close; else nothing."""
    return open_thought(tokenizer.decode(token_ids[-_TAIL_TOKENS:]))
