"""Errors to exit codes: one sentence on stderr, and a traceback only for those who ask for it.

Guarantees: an error of ours, of the operating system or of the code itself ends the command with
one sentence and exit code 1; Ctrl-C, SIGTERM and SIGHUP (a closed terminal) end it with 130. `--debug`
or AIMO_DEBUG=1 shows the traceback first.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

from aimo_solver.errors import AimoError

FAILED: Final = 1
INTERRUPTED: Final = 130
"""The shell's exit code for Ctrl-C."""
DEBUG_VARIABLE: Final = "AIMO_DEBUG"


def debugging() -> bool:
    """Returns whether tracebacks are to be shown."""
    return os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")


@contextmanager
def one_sentence_errors(*, debug: bool | None = None) -> Generator[None]:
    """Runs a command and turns what ends it into one sentence and an exit code.

    `debug` shows tracebacks; None asks AIMO_DEBUG. SIGTERM and SIGHUP end a command as Ctrl-C does: killed outright, it
    would leave the engine's processes running.
    """
    try:
        with _ended_as_by_ctrl_c():
            yield
    except AimoError as error:
        _end(str(error), debug)
    except KeyboardInterrupt:
        _say("interrupted")
        raise SystemExit(INTERRUPTED) from None
    except OSError as error:
        if error.errno == errno.EPIPE:  # The reader of stdout has left, so nothing more can be said.
            raise
        _end(_sentence(error), debug)
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("click", "typer"):  # Usage errors print themselves.
            raise
        _end(f"unexpected {type(error).__name__}: {error}; run it again with --debug for the traceback", debug)


@contextmanager
def _ended_as_by_ctrl_c() -> Generator[None]:
    """Has SIGTERM and SIGHUP do what Ctrl-C does, unless the program was started to ignore them (nohup)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Does what Ctrl-C would do at this moment: asyncio, for one, ends its tasks in order."""
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, frame)
    else:  # Ctrl-C is ignored, as in a shell's background job.
        raise KeyboardInterrupt


def _sentence(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else f"{error.strerror or error}"


def _end(sentence: str, debug: bool | None) -> None:
    if debugging() if debug is None else debug:
        traceback.print_exc()
    _say(f"error: {sentence}")
    raise SystemExit(FAILED) from None


def _say(sentence: str) -> None:
    """Writes it on stderr, if there still is a reader."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()
