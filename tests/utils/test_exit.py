"""Errors to exit codes: one sentence each, a traceback only for those who ask for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from aimo_solver.errors import AimoError, EngineError, InputError
from aimo_solver.utils.exit import DEBUG_VARIABLE, one_sentence_errors

ENDED_POLITELY = """
import asyncio, os, signal
from aimo_solver.utils.exit import one_sentence_errors

async def work():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0)
        print("engine stopped", flush=True)

with one_sentence_errors():
    asyncio.run(work())
"""


@pytest.mark.parametrize("ignored", ["", "signal.signal(signal.SIGINT, signal.SIG_IGN)"])
def test_sigterm_ends_a_command_as_ctrl_c_does(ignored: str) -> None:
    """A run begun in the background ignores Ctrl-C, and SIGTERM must end it politely all the same."""
    program = ENDED_POLITELY.replace("\nasync", f"\n{ignored}\n\nasync", 1)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stdout == "engine stopped\n"
    assert (ended.returncode, ended.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (InputError("seed must be an integer, got 'x'"), "seed must be an integer, got 'x'"),
        (EngineError("the engine died"), "the engine died"),
        (FileNotFoundError(2, "No such file or directory", "mine.toml"), "mine.toml: No such file or directory"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (ZeroDivisionError("division by zero"), "unexpected ZeroDivisionError: division by zero; run it again with "),
    ],
)
@pytest.mark.parametrize("debug", [True, False])
def test_an_error_is_one_sentence_and_a_traceback_is_shown_on_request(
    error: Exception, sentence: str, capsys: pytest.CaptureFixture[str], *, debug: bool
) -> None:
    with pytest.raises(SystemExit) as ended, one_sentence_errors(debug=debug):
        raise error
    written = capsys.readouterr().err
    assert ended.value.code == 1
    assert written.splitlines()[-1].startswith(f"error: {sentence}")
    assert ("Traceback" in written) is debug and (debug or written.count("\n") == 1)


@pytest.mark.parametrize(("value", "shown"), [("1", True), ("0", False), ("", False)])
def test_the_environment_asks_for_tracebacks_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str, *, shown: bool
) -> None:
    monkeypatch.setenv(DEBUG_VARIABLE, value)
    with pytest.raises(SystemExit), one_sentence_errors():
        raise AimoError("no")
    assert ("Traceback" in capsys.readouterr().err) is shown


def test_a_reader_that_has_left_is_no_error_of_ours() -> None:
    with pytest.raises(BrokenPipeError), one_sentence_errors():
        raise BrokenPipeError(32, "Broken pipe")


def test_an_exit_code_passes_through() -> None:
    with pytest.raises(SystemExit) as ended, one_sentence_errors():
        raise SystemExit(3)
    assert ended.value.code == 3
