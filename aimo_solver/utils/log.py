"""Log: lines for whoever watches a run, which never break what they tell of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

Log = Callable[[str], None]


def unbreakable(log: Log) -> Log:
    """The same log, but that it cannot be written (a closed pipe, a full disk) is nobody's fault but its own."""

    def write(line: str) -> None:
        with suppress(Exception):
            log(line)

    return write
