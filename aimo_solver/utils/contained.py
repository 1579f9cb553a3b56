"""Containment: the one boundary between an answer and what works around it.

A recorder, a screen, a log, a session's close, a selector: what any of them raises costs its own work and a
line in the log, never a vote.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final

from aimo_solver.utils.log import Log

CONTAINABLE: Final = (Exception, SystemExit)
"""What a part may raise without ending the run. Some libraries end the program when a terminal closes. Ctrl-C and a
cancellation are never contained."""


@contextmanager
def contained(work: str, log: Log) -> Generator[None]:
    """Runs the block. An error in it ends the block, and is logged as that of `work`."""
    try:
        yield
    except CONTAINABLE as error:
        with suppress(*CONTAINABLE):
            log(f"{work} failed: {describe(error)}")


def describe(error: BaseException) -> str:
    """Returns the error's class and text in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
