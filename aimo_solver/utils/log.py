"""Log: lines for people who watch a run, which never break what they report on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from rich.console import Console

Log = Callable[[str], None]


def unbreakable(log: Log) -> Log:
    """Returns the same log, which costs only its own line when it cannot be written (a closed pipe, a full disk)."""

    def write(line: str) -> None:
        with suppress(Exception, SystemExit):  # rich ends the program when its terminal has closed.
            log(line)

    return write


def console_log(console: Console) -> Log:
    """Returns a log that prints dim lines as they are: not wrapped, not highlighted, not read as markup."""

    def write(line: str) -> None:
        console.print(line, style="dim", soft_wrap=True, markup=False, highlight=False)

    return write
