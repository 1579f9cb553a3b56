"""A server in front of its solver, in real processes: up at once, and what each kind of failure ends in."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from aimo_solver.errors import InputError
from aimo_solver.kaggle.gateways.front import FRONT_VARIABLE, Front, serve_in_front, solver_side
from aimo_solver.kaggle.gateways.inference_server import RERUN_VARIABLE
from tests.helpers.runtimes import whole_checkpoint

KERNEL = Path(__file__).parents[2] / "kernel.py"
SOLVER = """
import os, sys
from aimo_solver.kaggle.gateways.front import answer_front, solver_side
{before}
def answer(id, text):
    {answer}
    return len(text)
answer_front(solver_side(), answer)
sys.exit({code})
"""
SERVER = """
import polars as pl
class AIMO3InferenceServer:
    def __init__(self, predict):
        self.predict = predict
    def serve(self):
        print("served", self.predict(pl.Series(["a"]), pl.Series(["1 + 1?"])).rows())
    def run_local_gateway(self, paths):
        self.serve()
"""


Predict = Callable[..., pl.DataFrame]


def front(
    serve: Callable[[Predict], object],
    *,
    install: Callable[[], None] = lambda: None,
    before: str = "",
    answer: str = "pass",
    code: int = 0,
) -> Front:
    command = [sys.executable, "-c", SOLVER.format(before=before, answer=answer, code=code)]
    return Front(serve, install, command, fallback=7)


def ask(predict: Predict, *texts: str) -> list[int]:
    """Asks as Kaggle's servers do."""
    frames = [predict(pl.Series("id", [text]), pl.Series("problem", [text])) for text in texts]
    return [frame.row(0, named=True)["answer"] for frame in frames]


def test_the_server_is_up_while_the_wheels_are_installed() -> None:
    up, answers = threading.Event(), list[int]()

    def serve(predict: Predict) -> None:
        up.set()
        answers.extend(ask(predict, "1 + 1?", "π?"))

    def install() -> None:
        assert up.wait(30.0)

    assert front(serve, install=install).run() == 0
    assert answers == [6, 2]


def test_the_exit_code_is_the_solvers() -> None:
    assert front(lambda predict: ask(predict, "a"), code=3).run() == 3


def test_wheels_that_cannot_be_installed_end_the_session_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    def install() -> None:
        raise OSError("no space left on device")

    started_at = time.monotonic()
    assert front(lambda predict: time.sleep(60.0), install=install).run() == 1
    assert time.monotonic() - started_at < 30.0
    assert capsys.readouterr().err == "error: the wheels cannot be installed: no space left on device\n"


def test_a_solver_that_refuses_ends_the_session_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    refusing = front(lambda predict: ask(predict, "a"), before="sys.exit(2)")
    assert refusing.run() == 2
    assert "the solver ended with exit code 2 before its first answer" in capsys.readouterr().err


def test_a_solver_that_dies_later_costs_the_problems_that_are_left(capfd: pytest.CaptureFixture[str]) -> None:
    answers: list[int] = []

    def serve(predict: Predict) -> None:
        answers.extend(ask(predict, "first", "second", "third"))

    dying = front(serve, answer="if text == 'second': os._exit(9)")
    assert dying.run() == 9
    assert answers == [5, 7, 7]
    assert "second: 7, because the solver's process has ended" in capfd.readouterr().out


def test_a_server_that_raises_ends_the_session(capsys: pytest.CaptureFixture[str]) -> None:
    def serve(predict: Predict) -> None:
        raise ValueError("no port is free")

    assert front(serve).run() == 1
    assert "the contest's server ended: ValueError: no port is free" in capsys.readouterr().err


def test_without_a_front_there_is_nothing_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FRONT_VARIABLE, raising=False)
    assert solver_side() is None


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    (tmp_path / "input").mkdir()
    return tmp_path / "input"


def attach_contest(inputs: Path) -> Path:
    folder = inputs / "competitions/ai-mathematical-olympiad-progress-prize-3"
    (folder / "kaggle_evaluation").mkdir(parents=True)
    (folder / "kaggle_evaluation/__init__.py").touch()
    (folder / "kaggle_evaluation/aimo_3_inference_server.py").write_text(SERVER)
    return folder


def never() -> None:
    raise AssertionError("nothing may be installed")


def test_a_scoring_run_without_a_contest_is_refused_before_anything_is_installed(
    inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_checkpoint(inputs / "model")
    monkeypatch.setenv(RERUN_VARIABLE, "1")
    with pytest.raises(InputError, match="no contest that is known is attached, but this is a scoring run; "):
        serve_in_front([], inputs, never, time.monotonic())


@pytest.mark.parametrize("scored", [True, False], ids=["scored", "saved"])
def test_a_contest_without_a_checkpoint_is_refused_before_anything_is_installed(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, scored: bool
) -> None:
    attach_contest(inputs)
    monkeypatch.setenv(RERUN_VARIABLE, "1" if scored else "")
    (inputs / "competitions/ai-mathematical-olympiad-progress-prize-3/test.csv").write_text("id,problem\na,b\n")
    with pytest.raises(InputError, match="no checkpoint is attached; correct model_sources"):
        serve_in_front(["--preset", "demo"], inputs, never, time.monotonic())


def test_a_file_of_problems_and_a_session_without_a_contest_have_no_front(
    inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RERUN_VARIABLE, raising=False)
    assert serve_in_front([], inputs, never, time.monotonic()) is None
    assert serve_in_front(["--seed", "1", "mine.jsonl"], inputs, never, time.monotonic()) is None


def test_kernel_py_puts_the_server_in_front_and_ends_as_its_solver_does(inputs: Path, tmp_path: Path) -> None:
    attach_contest(inputs)
    whole_checkpoint(inputs / "model")
    (inputs / "wheels").mkdir()
    (inputs / "wheels/aimo-wheels.lock").touch()  # Nothing to install, and so a matter of seconds.
    text = KERNEL.read_text(encoding="utf-8").replace(
        "ARGUMENTS: list[str] = []", 'ARGUMENTS: list[str] = ["--preset", "none"]'
    )
    (tmp_path / "kernel.py").write_text(text, encoding="utf-8")
    environment = os.environ | {"AIMO_INPUTS": str(inputs), RERUN_VARIABLE: "1", "PYTHONPATH": str(KERNEL.parent)}
    ran = subprocess.run(
        [sys.executable, "kernel.py"], check=False, cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 1
    up, installed = ran.stdout.index("the server of aimo3 starts after"), ran.stdout.index("installed after")
    assert up < installed
    assert "error: preset must be one of" in ran.stderr
    assert "error: the solver ended with exit code 1 before its first answer" in ran.stderr
