"""Finds the token that completes a stop string. Pure.

Guarantees: the result does not depend on how the completion is divided into deltas, and a stop
string that begins in earlier tokens is found. Only a bounded tail of those is decoded.
Assumes that every token stands for at least one byte of text, as with byte-level tokenizers: a stop
string interspersed with tokens that decode to nothing may be missed.
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
    """How many of the new tokens are kept; the last of them completes the stop string."""


def tail_tokens(stop: Sequence[str]) -> int:
    """Returns how many tokens back a stop string can begin, as a token may be a single byte."""
    return max((len(string.encode()) for string in stop), default=0)


def find_stop(
    decode: Decode, *, kept_ids: Sequence[int], new_ids: Sequence[int], stop: Sequence[str]
) -> StopMatch | None:
    """Finds the shortest prefix of `new_ids` that, after `kept_ids`, contains a stop string.

    `kept_ids` must contain none. Of several stop strings that end in the same token, the one that
    ends first in the text is returned, then the one listed first.
    """
    if not stop or not new_ids:
        return None
    # One token more than necessary, as some decoders strip the space that begins a text.
    tail = list(kept_ids[-tail_tokens(stop) :])

    def holds(count: int) -> bool:
        return _first_stop(decode([*tail, *new_ids[:count]]), stop) is not None

    if not holds(len(new_ids)):
        return None
    # A text that contains a stop string still does when it grows, so bisection finds the first.
    kept_tokens = 1 + bisect_left(range(1, len(new_ids)), True, key=holds)
    first = _first_stop(decode([*tail, *new_ids[:kept_tokens]]), stop)
    assert first is not None, "bisection ends where it holds"
    return StopMatch(first, kept_tokens)


def _first_stop(text: str, stop: Sequence[str]) -> str | None:
    ends = [(start + len(string), rank) for rank, string in enumerate(stop) if (start := text.find(string)) >= 0]
    return stop[min(ends)[1]] if ends else None
