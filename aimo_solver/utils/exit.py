"""Errors to exit codes: one sentence on stderr, and a traceback only for those who ask for it.

Guarantees: an error of ours, of the operating system or of the code itself ends the command with
one sentence and exit code 1; Ctrl-C and SIGTERM end it with 130. `--debug` or AIMO_DEBUG=1 shows
the traceback first.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Generator
from contextlib import contextmanager
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

    `debug` shows tracebacks; None asks AIMO_DEBUG. SIGTERM ends a command as Ctrl-C does: killed outright, it
    would leave the engine's processes running.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if in_main_thread else None
    try:
        yield
    except AimoError as error:
        _end(str(error), debug)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was finished is in the run folder\n")
        raise SystemExit(INTERRUPTED) from None
    except OSError as error:
        if error.errno == errno.EPIPE:  # The reader of stdout has left, so nothing more can be said.
            raise
        _end(_sentence(error), debug)
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("click", "typer"):  # Usage errors print themselves.
            raise
        _end(f"unexpected {type(error).__name__}: {error}; run it again with --debug for the traceback", debug)
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before)


def _sentence(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else f"{error.strerror or error}"


def _end(sentence: str, debug: bool | None) -> None:
    if debugging() if debug is None else debug:
        traceback.print_exc()
    sys.stderr.write(f"error: {sentence}\n")
    raise SystemExit(FAILED) from None
