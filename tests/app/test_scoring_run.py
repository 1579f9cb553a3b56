"""A scoring run: the contest's server in this process, its gateway in another, and gRPC between them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from aimo_solver.app.options import choose_options
from aimo_solver.app.serve import AttachedContest, serve_contest
from aimo_solver.config.contest import Contest, find_contest
from aimo_solver.engine.scripted import Reply
from aimo_solver.kaggle.stubs.inference_server import ADDRESS_VARIABLE, stub_server
from aimo_solver.problems.problem import rule_of
from tests.helpers.contests import write_contest
from tests.helpers.runtimes import scripted_runtime, whole_checkpoint

PROJECT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def forget_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("kaggle_evaluation", "winter_evaluation")]:
        del sys.modules[name]


def answers_of_a_scoring_run(contest: Contest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Returns what a gateway in another process has submitted."""
    competition, submission = folder / "competition", folder / "submission.parquet"
    competition.mkdir()
    (competition / "test.csv").write_text("id,problem\na,1 + 1?\nb,π?\nc,3?\n")
    assert contest.server is not None
    stub_server(contest, contest.server, competition)
    address = f"unix:{folder}/socket"
    monkeypatch.setenv(ADDRESS_VARIABLE, address)
    program = [sys.executable, "-m", "tests.helpers.gateway_process"]
    command = [*program, address, str(competition / "test.csv"), str(submission)]
    with subprocess.Popen(command, cwd=PROJECT) as gateway:
        serve_contest(
            AttachedContest(contest, competition, competition / "test.csv", scored=True),
            choose_options(
                whole_checkpoint(folder / "model"),
                preset="demo",
                hardware="cpu",
                rule=rule_of(contest),
                limit_seconds=600.0,
            ),
            folder / "runs",
            started_at=time.monotonic(),
            log=lambda line: None,
            open_runtime=scripted_runtime(lambda text, sampling: Reply("It is $\\boxed{5}$.", seconds_per_chunk=0.0)),
        )
        assert gateway.wait(30) == 0
    return dict(pl.read_parquet(submission).select("id", "answer").rows())


@pytest.mark.parametrize("name", ["aimo2", "aimo3"])
def test_every_problem_of_the_gateway_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert answers_of_a_scoring_run(find_contest(name), tmp_path, monkeypatch) == {"a": 5, "b": 5, "c": 5}


def test_a_contest_that_is_one_file_is_served_like_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contest = find_contest(str(write_contest(tmp_path)))
    assert answers_of_a_scoring_run(contest, tmp_path, monkeypatch) == {"a": 5, "b": 5, "c": 5}
