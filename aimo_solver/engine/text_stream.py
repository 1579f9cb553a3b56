"""Decodes a completion while it grows.

Guarantees, for byte-level tokenizers: the pieces joined are the decode of all ids, also when a
character is spread over tokens of several deltas. Its bytes are held back until it is whole, or
the completion ends. A bounded window of ids is decoded for each piece, not the whole completion.
For tokenizers that decode a broken character's bytes all alike (SentencePiece with byte
fallback) a piece may differ from the whole decode where a completion holds broken characters.
"""

from __future__ import annotations

from collections.abc import Sequence

from aimo_solver.engine.stop_strings import Decode

_BROKEN = "\ufffd"
_WINDOW_TOKENS = 48
# Kept in front of new ids, as a decoder may treat the first token of a text in its own way.
_CONTEXT_TOKENS = 6


class TextStream:
    """The text of one completion, piece by piece."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._window: list[int] = []
        self._given = 0
        """Characters of the window's decode that were handed out."""

    def push(self, token_ids: Sequence[int], *, final: bool = False) -> str:
        """The text that these ids add; `final` lets out what was held back."""
        self._window += token_ids
        text = self._decode(self._window)
        whole = text if final else text.rstrip(_BROKEN)
        piece = whole[self._given :]
        self._given = max(self._given, len(whole))
        if len(self._window) > _WINDOW_TOKENS and len(whole) == len(text):
            del self._window[:-_CONTEXT_TOKENS]
            self._given = len(self._decode(self._window))
        return piece
