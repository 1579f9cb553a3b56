"""Decodes a completion while it grows.

Guarantees, for byte-level tokenizers: the joined pieces are the decoded text of all ids, even if a
character is spread over tokens of several deltas. Its bytes are held back until it is complete, or
the completion ends. Each piece decodes a bounded window of ids, not the whole completion.
For tokenizers that decode every byte of a broken character alike (SentencePiece with byte
fallback), the pieces may differ from the whole text where it contains broken characters.
"""

from __future__ import annotations

from collections.abc import Sequence

from aimo_solver.engine.stop_strings import Decode

_BROKEN = "\ufffd"
_WINDOW_TOKENS = 48
# Kept before new ids, as a decoder may treat the first token of a text specially.
_CONTEXT_TOKENS = 6


class TextStream:
    """The text of one completion, piece by piece."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._window: list[int] = []
        self._given = 0
        """How many characters of the window's text have been returned."""

    def push(self, token_ids: Sequence[int], *, final: bool = False) -> str:
        """Returns the text that these ids add; `final` releases what was held back."""
        self._window += token_ids
        text = self._decode(self._window)
        whole = text if final else text.rstrip(_BROKEN)
        piece = whole[self._given :]
        self._given = max(self._given, len(whole))
        if len(self._window) > _WINDOW_TOKENS and len(whole) == len(text):
            del self._window[:-_CONTEXT_TOKENS]
            self._given = len(self._decode(self._window))
        return piece
