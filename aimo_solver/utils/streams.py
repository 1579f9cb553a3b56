"""Standard streams that outlive their readers: a run goes on when its terminal closes or its log's disk is full."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO, cast


def outlive_readers() -> None:
    """Replaces stdout and stderr, once, by streams that lose text where it cannot be written, and never raise."""
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is not None and not isinstance(stream, _OutlivingStream):
            setattr(sys, name, cast("TextIO", _OutlivingStream(stream)))


class _OutlivingStream:
    """Another text stream, whose write and flush never raise OSError or ValueError (a stream that was closed)."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except UnicodeError:
            raise
        except (OSError, ValueError) as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._lose(error)

    def _lose(self, error: OSError | ValueError) -> None:
        """Directs a stream without a reader to nowhere, so that what it still holds does not fail at the end."""
        if isinstance(error, BrokenPipeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
