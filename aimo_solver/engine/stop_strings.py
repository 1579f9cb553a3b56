"""Finds the token that completes a stop string. Pure.

Guarantees: the answer does not depend on how the completion was cut into deltas, and a stop
string that begins in earlier tokens is found. Only a bounded tail of those is decoded.
Takes for granted that a token stands for at least one byte of text, as byte-level tokenizers'
tokens do: behind tokens that decode to nothing, a stop string longer than the tail is missed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Decode = Callable[[Sequence[int]], str]


@dataclass(frozen=True, slots=True)
class StopMatch:
    """Where a completion ends."""

    stop: str
    kept_tokens: int
    """How many of the new tokens stay; the last of them completes the stop string."""


def tail_tokens(stop: Sequence[str]) -> int:
    """How many tokens back a stop string can begin: a token may hold as little as one byte."""
    return max((len(string.encode()) for string in stop), default=0)


def find_stop(decode: Decode, kept_ids: Sequence[int], new_ids: Sequence[int], stop: Sequence[str]) -> StopMatch | None:
    """The shortest prefix of `new_ids` that, behind `kept_ids`, holds a stop string.

    `kept_ids` must hold none. Of several stop strings that end in the same token, the one that
    ends first in the text is named, then the one listed first.
    """
    if not stop or not new_ids:
        return None
    # One token more than needed: some decoders strip the space that begins a text.
    tail = list(kept_ids[-tail_tokens(stop) :])

    def holds(count: int) -> bool:
        return _first_stop(decode([*tail, *new_ids[:count]]), stop) is not None

    if not holds(len(new_ids)):
        return None
    # A text that holds a stop string still holds it when it grows, so halving finds the first.
    kept_tokens = 1 + bisect_left(range(1, len(new_ids)), True, key=holds)
    first = _first_stop(decode([*tail, *new_ids[:kept_tokens]]), stop)
    assert first is not None
    return StopMatch(first, kept_tokens)


def _first_stop(text: str, stop: Sequence[str]) -> str | None:
    ends = [(start + len(string), rank) for rank, string in enumerate(stop) if (start := text.find(string)) >= 0]
    return stop[min(ends)[1]] if ends else None
