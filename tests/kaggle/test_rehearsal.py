"""Rehearsals with kernels that need no engine: what Kaggle would see, and what would cost the submission."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aimo_solver.cli import main as cli
from aimo_solver.config.contest import Contest, find_contest, shipped_contests
from aimo_solver.errors import InputError
from aimo_solver.kaggle.rehearsal import RehearsalPlan, rehearse
from aimo_solver.kaggle.wheels import LOCK
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import ProblemSet
from tests.helpers.contests import write_contest
from tests.helpers.runtimes import whole_checkpoint

PROBLEMS = ProblemSet(
    "three", (Problem("a", "1 + 1?"), Problem("b", 'A "quoted",\nbroken $\\pi$ line'), Problem("c", "π?"))
)
KERNEL = """
import os, sys
from pathlib import Path
from aimo_solver.config.contest import contests_with
from aimo_solver.kaggle.inputs import find_checkpoint, find_competition, find_test_file
from aimo_solver.kaggle.gateways import inference_server, iterator
from aimo_solver.kaggle.gateways.predict import make_predict

ARGUMENTS: list[str] = []
inputs = Path(os.environ["AIMO_INPUTS"])
contest_file = ARGUMENTS[ARGUMENTS.index("--contest") + 1] if "--contest" in ARGUMENTS else ""
contest, folder = find_competition(inputs, contests_with(contest_file))
print("here", sorted(os.listdir(".")), find_checkpoint(inputs).name, ARGUMENTS)

def answer(id, text):
    {answer}

if contest.server is None:
    iterator.serve(contest, competition=folder, answer=answer)
else:
    scored = inference_server.is_scoring_run()
    inference_server.serve(
        contest, competition=folder, predict=make_predict(answer), test_file=find_test_file(folder), scored=scored
    )
{end}
"""


def plan(
    tmp_path: Path,
    contest: Contest,
    *,
    answer: str = "return len(text)",
    end: str = "",
    scored: bool = True,
    limit: float = 60.0,
) -> RehearsalPlan:
    model = tmp_path / "model"
    model.mkdir()
    for name in ("config.json", "model.safetensors"):
        (model / name).touch()
    kernel = tmp_path / "some-kernel.py"
    kernel.write_text(KERNEL.format(answer=answer, end=end))
    return RehearsalPlan(
        contest=contest,
        problems=PROBLEMS,
        model=model,
        kernel=kernel,
        wheels=None,
        arguments=("--preset", "mine"),
        scored=scored,
        limit_seconds=limit,
    )


@pytest.mark.parametrize("scored", [True, False], ids=["scored", "saved"])
@pytest.mark.parametrize("contest", shipped_contests(), ids=lambda contest: contest.name)
def test_a_whole_session_of_every_contest(tmp_path: Path, contest: Contest, scored: bool) -> None:
    lines = list[str]()
    done = rehearse(plan(tmp_path, contest, scored=scored), tmp_path / "session", lines.append)
    assert done.answers == {problem.id: len(problem.text) for problem in PROBLEMS.problems}
    assert list(done.seconds) == ["lay out inputs", "make the environment", "run kernel.py", "check the submission"]
    assert "here ['kernel.py'] 1 ['--preset', 'mine']" in lines


@pytest.mark.parametrize("scored", [True, False], ids=["scored", "saved"])
def test_a_contest_that_is_not_shipped_is_rehearsed_from_its_file(tmp_path: Path, scored: bool) -> None:
    contest = find_contest(str(write_contest(tmp_path)))
    chosen = plan(tmp_path, contest, scored=scored, answer="return len(text) % 8")
    done = rehearse(chosen, tmp_path / "session", lambda line: None)
    assert done.answers == {problem.id: len(problem.text) % 8 for problem in PROBLEMS.problems}


@pytest.mark.parametrize("scored", [True, False], ids=["scored", "saved"])
def test_a_notebook_is_rehearsed_cell_by_cell(tmp_path: Path, scored: bool) -> None:
    chosen = plan(tmp_path, find_contest("aimo3"), scored=scored)
    script = chosen.kernel.read_text()
    start = script.index("ARGUMENTS")
    cells = [script[:start], script[start:]]
    notebook = {
        "cells": [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "nbformat": 4,
    }
    path = tmp_path / "some-kernel.ipynb"
    path.write_text(json.dumps(notebook))
    lines = list[str]()
    done = rehearse(replace(chosen, kernel=path), tmp_path / "session", lines.append)
    assert done.answers == {problem.id: len(problem.text) for problem in PROBLEMS.problems}
    assert "run kernel.ipynb" in done.seconds
    assert "here ['kernel.ipynb'] 1 ['--preset', 'mine']" in lines


def test_a_notebook_that_kaggle_could_not_run_is_refused(tmp_path: Path) -> None:
    chosen = plan(tmp_path, find_contest("aimo3"))
    path = tmp_path / "some-kernel.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": "1"}], "metadata": {}, "nbformat": 4}))
    with pytest.raises(InputError, match=r"some-kernel\.ipynb: metadata\.kernelspec must name the kernel"):
        rehearse(replace(chosen, kernel=path), tmp_path / "session", lambda line: None)


def test_wheels_that_were_cut_off_are_named_before_the_session(tmp_path: Path) -> None:
    chosen = plan(tmp_path, find_contest("aimo3"))
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "aimo-wheels.lock").touch()
    (wheels / "torch-2.10-py3-none-any.whl").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"torch-2\.10-py3-none-any\.whl is cut off or damaged after 2 bytes"):
        rehearse(replace(chosen, wheels=wheels), tmp_path / "session", lambda line: None)


def test_no_network_reaches_the_kernel(tmp_path: Path) -> None:
    look = "import socket; print('interfaces', [name for _, name in socket.if_nameindex()])"
    lines = list[str]()
    done = rehearse(plan(tmp_path, find_contest("aimo3"), end=look), tmp_path / "session", lines.append)
    if done.network.startswith("on"):
        pytest.skip(done.network)
    assert "interfaces ['lo']" in lines


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"end": "sys.exit(3)"}, "kernel.py ended with exit code 3"),
        ({"answer": "return 100000"}, "the gateway refused: .*an integer that aimo3 accepts, got 100000"),
        ({"answer": "raise KeyError(id)"}, "ended with exit code 1|the gateway refused"),
        ({"end": "import time; time.sleep(60)", "limit": 4.0}, "took longer than 4 s"),
        ({"end": "os.remove('submission.parquet')", "scored": False}, "kernel.py left no submission"),
    ],
)
def test_what_would_cost_the_submission_is_a_failure(tmp_path: Path, changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        rehearse(plan(tmp_path, find_contest("aimo3"), **changes), tmp_path / "session", lambda line: None)


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    chosen = plan(tmp_path, find_contest("aimo3"))
    with pytest.raises(InputError, match="must be empty, as a Kaggle session's folder is"):
        rehearse(chosen, tmp_path, lambda line: None)


def test_every_path_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    whole_checkpoint(Path("model"))
    write_contest(Path())
    Path("mine.toml").write_text('dialect = "numina"\n')
    Path("five.csv").write_text("id,problem\na,1 + 1?\n")
    Path("mine.py").write_text(KERNEL.format(answer="return 2", end="print(Path(ARGUMENTS[1]).read_text())"))
    paths = "--kernel mine.py --model model --root session --problems five.csv --preset mine.toml --contest winter.toml"
    ran = CliRunner().invoke(cli.app, ["rehearse", *paths.split()])
    assert ran.exit_code == 0, ran.output
    assert 'dialect = "numina"' in ran.output and "winter: 1 answers" in ran.output


def test_a_relative_folder_of_wheels_is_attached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wheels").mkdir()
    Path("wheels", LOCK).touch()
    look = (
        f"import os; (os.path.isfile(os.environ['AIMO_INPUTS'] + '/datasets/rehearsal/aimo-wheels/{LOCK}') and exit(3))"
    )
    Path("look.py").write_text(look)
    chosen = replace(plan(tmp_path, find_contest("aimo1")), kernel=Path("look.py"), wheels=Path("wheels"), arguments=())
    with pytest.raises(InputError, match="ended with exit code 3"):
        rehearse(chosen, Path("session"), lambda line: None)
