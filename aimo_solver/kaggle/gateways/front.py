"""Front: a contest's server in a process of its own, which is up before the wheels are installed.

A gateway waits minutes for a server, and installing takes minutes. What is installed replaces packages that the
server has loaded, so the solver runs in another process, started after the installation. Guarantees:
- only what Kaggle's image has is imported here: polars, the contest's own package, pydantic;
- what a scored run must not pretend is refused before anything is installed;
- a failed installation, and a solver that ends before its first answer, end the session with an exit code;
- a solver that ends later costs the problems that are left, which get the fallback, and no more than those;
- the solver ends when this process does, however it ends.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import polars as pl

from aimo_solver.config.contest import contests_with
from aimo_solver.errors import InputError
from aimo_solver.kaggle.gateways import inference_server
from aimo_solver.kaggle.gateways.predict import answer_frame, make_predict, only_value
from aimo_solver.kaggle.inputs import find_checkpoint, find_competition, find_test_file, require_inputs
from aimo_solver.utils.streams import outlive_readers

FRONT_VARIABLE: Final = "AIMO_FRONT"
"""Environment variable of the solver's process: the file descriptor on which it is asked."""
END_SECONDS: Final = 180.0
"""Time for a solver that is no longer asked to write its run folder and end its engine."""
REPORT_SECONDS: Final = 5.0
"""Time to say why the solver has ended, before its server notices."""
_SOLVER: Final = "import sys; from aimo_solver.app.kernel import main; main(float(sys.argv[1]), sys.argv[2:])"
Install = Callable[[], None]
Serve = Callable[[Callable[..., Any]], object]


def serve_in_front(arguments: Sequence[str], inputs: Path, install: Install, started_at: float) -> int | None:
    """Serves the attached contest, and returns the session's exit code; None where there is none to put in front.

    `arguments` are the kernel's, `started_at` its first moment (monotonic clock). Raises InputError for a session
    that cannot answer.
    """
    outlive_readers()
    options = _read(arguments, inputs)
    if options.problems:
        return None
    scored = inference_server.is_scoring_run()
    found = find_competition(options.inputs, contests_with(options.contest))
    require_inputs(found, options.model or find_checkpoint(options.inputs), root=options.inputs, scored=scored)
    if found is None or found[0].server is None:
        return None
    contest, folder = found
    try:
        serve = inference_server.prepare(contest, competition=folder, test_file=find_test_file(folder), scored=scored)
    except InputError as error:
        if not isinstance(error.__cause__, ImportError):
            raise
        print(f"the server starts after the wheels are installed: {error}", flush=True)
        return None
    _load_lazily_imported()
    seconds = time.monotonic() - started_at
    print(f"the server of {contest.name} starts after {seconds:.1f} s; the wheels are installed meanwhile", flush=True)
    command = [sys.executable, "-c", _SOLVER, str(started_at), *arguments]
    fallback = contest.answers.fallback if options.fallback is None else options.fallback
    return Front(serve, install, command, fallback=fallback).run()


class Front:
    """A server, and the solver that answers for it."""

    def __init__(self, serve: Serve, install: Install, command: Sequence[str], *, fallback: int) -> None:
        """`command` starts the solver; it asks for its questions with `solver_side`."""
        self._serve, self._install, self._command, self._fallback = serve, install, command, fallback
        self._here, self._there = Pipe()
        self._asking = threading.Lock()
        self._solver: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()
        """Set when the server has returned, or when there is nothing that it could answer with."""
        self._code = 0
        self._answered = 0

    def run(self) -> int:
        """Serves until the contest has no more problems. Returns the session's exit code."""
        threading.Thread(target=self._run_solver, name="solver", daemon=True).start()
        threading.Thread(target=self._run_server, name="server", daemon=True).start()
        try:
            self._ended.wait()
        finally:
            self._here.close()
            self._end_solver()
        return self._code

    def answer(self, id: object, text: object) -> int:
        """Returns the solver's answer; the fallback if the solver has ended after others. Raises if before them."""
        with self._asking:
            try:
                self._here.send((id, text))
                answer = int(self._here.recv())
            except (EOFError, OSError):
                if not self._answered:
                    self._ended.wait(REPORT_SECONDS)
                    raise RuntimeError("the solver ended before its first answer") from None
                print(f"{id}: {self._fallback}, because the solver's process has ended", flush=True)
                return self._fallback
            self._answered += 1
            return answer

    def _run_server(self) -> None:
        try:
            self._serve(make_predict(self.answer))
        except Exception as error:  # noqa: BLE001  Kaggle's package raises anything; it is said and ends the session.
            self._fail(f"the contest's server ended: {type(error).__name__}: {error}", 1)
        else:
            self._ended.set()

    def _run_solver(self) -> None:
        try:
            self._install()
        except Exception as error:  # noqa: BLE001  Whatever it is, there will be no solver.
            self._there.close()
            self._fail(f"the wheels cannot be installed: {error}", 1)
            return
        environment = os.environ | {FRONT_VARIABLE: str(self._there.fileno())}
        self._solver = subprocess.Popen(self._command, env=environment, pass_fds=[self._there.fileno()])
        self._there.close()
        code = self._solver.wait()
        if not self._ended.is_set() and not self._answered:
            self._fail(f"the solver ended with exit code {code} before its first answer", code or 1)

    def _fail(self, sentence: str, code: int) -> None:
        if not self._ended.is_set():
            print(f"error: {sentence}", file=sys.stderr, flush=True)
            self._code = code
            self._ended.set()

    def _end_solver(self) -> None:
        """Waits for the solver, which is not asked any more, and takes over its exit code."""
        if self._solver is None:
            return
        try:
            self._code = self._code or self._solver.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._solver.kill()


def solver_side() -> Connection | None:
    """Returns the connection on which a front asks this process; None if there is no front."""
    number = os.environ.pop(FRONT_VARIABLE, None)
    if number is None:
        return None
    os.set_inheritable(int(number), False)  # Neither the engine nor the sandbox may hold it open.
    return Connection(int(number))


def answer_front(connection: Connection, answer: Callable[[object, object], int]) -> None:
    """Answers until the front asks no more. `answer` must not raise."""
    with connection, suppress(EOFError, OSError):
        while True:
            id, text = connection.recv()
            connection.send(answer(id, text))


def _read(arguments: Sequence[str], inputs: Path) -> argparse.Namespace:
    """Returns what the front needs of the kernel's options; the kernel itself refuses what is wrong with the others."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("problems", nargs="?", type=Path)
    parser.add_argument("--contest", default="")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--inputs", type=Path, default=inputs)
    parser.add_argument("--fallback", type=int)
    for name in ("preset", "hardware", "limit-seconds", "seed", "runs-folder", "submission"):
        parser.add_argument(f"--{name}")
    return parser.parse_known_args(list(arguments))[0]


def _load_lazily_imported() -> None:
    """Uses what a reply needs once: polars imports parts of itself at first use, which would be from replaced files."""
    frame = answer_frame(only_value(pl.Series("id", ["first"])), 0)
    for write, read in ((frame.write_parquet, pl.read_parquet), (frame.write_ipc, pl.read_ipc)):
        buffer = io.BytesIO()
        write(buffer)
        buffer.seek(0)
        read(buffer)
