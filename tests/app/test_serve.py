"""A contest from its gateway to its submission, with a stand-in for Kaggle's own package and a scripted engine."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from aimo_solver.app.canary import QUESTION, STREAMS, ask_canary
from aimo_solver.app.options import RunOptions, choose_options
from aimo_solver.app.runtime import OpenRuntime
from aimo_solver.app.serve import LOAD_ATTEMPTS, AttachedContest, serve_contest
from aimo_solver.config.contest import Contest, find_contest
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply
from aimo_solver.errors import EngineLoadError, InputError
from aimo_solver.problems.problem import answer_rule
from aimo_solver.utils.log import Log
from tests.helpers.runtimes import scripted_runtime, whole_checkpoint

# What the real packages do, as far as a submission can tell.
SERVER = """
from concurrent.futures import ThreadPoolExecutor
import polars as pl

class {name}:
    def __init__(self, predict):
        assert predict.__name__ == "predict"
        self.predict = predict

    def run_local_gateway(self, paths):
        (path,) = paths
        frames = []
        with ThreadPoolExecutor(max_workers=1) as caller:
            for row in pl.read_csv(path).iter_slices(1):
                frames.append(caller.submit(self.predict, *row.get_columns()).result())
        pl.concat(frames).write_parquet("submission.parquet")
"""
ITERATOR = """
import pandas as pd

class Environment:
    def iter_test(self):
        rows = pd.read_csv("test.csv")
        self.answers = []
        for place in range(len(rows)):
            yield rows.iloc[[place]][["id", "problem"]], pd.DataFrame({"id": [rows.id[place]], "answer": [0]})
            assert len(self.answers) == place + 1

    def predict(self, frame):
        self.answers.append(frame)
        pd.concat(self.answers).to_csv("submission.csv", index=False)

def make_env():
    return Environment()
"""


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunOptions:
    """Options whose checkpoint looks whole, in a folder to stand in."""
    checkpoint = whole_checkpoint(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return choose_options(checkpoint, preset="demo", hardware="cpu", rule=answer_rule("aimo3"), limit_seconds=600.0)


@pytest.fixture(autouse=True)
def forget_modules() -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("kaggle_evaluation", "aimo")]:
        del sys.modules[name]


def opened(**engine: Any) -> OpenRuntime:
    return scripted_runtime(lambda text, sampling: Reply("It is $\\boxed{42}$.", seconds_per_chunk=0.0), **engine)


def serve(attached: AttachedContest, options: RunOptions, log: Log, open_runtime: OpenRuntime | None = None) -> Path:
    return serve_contest(
        attached,
        options,
        Path("runs"),
        started_at=time.monotonic(),
        log=log,
        open_runtime=open_runtime or opened(),
    )


def attach(folder: Path, contest: Contest) -> AttachedContest:
    """A competition's input folder with three problems."""
    folder.mkdir()
    with (folder / "test.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "problem"), ("a", "1 + 1?"), ("b", 'A "quoted",\nbroken line'), ("c", "π?")])
    if contest.server is not None:
        package, module = contest.server.module.split(".")
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()
        (folder / package / f"{module}.py").write_text(SERVER.format(name=contest.server.class_name))
    else:
        (folder / "aimo").mkdir()
        (folder / "aimo" / "__init__.py").write_text(ITERATOR)
        (folder.parent / "test.csv").write_bytes((folder / "test.csv").read_bytes())
    return AttachedContest(contest, folder, folder / "test.csv", scored=False)


@pytest.mark.parametrize("name", ["aimo2", "aimo3"])
def test_an_inference_server_gets_every_answer(tmp_path: Path, options: RunOptions, name: str) -> None:
    attached, log = attach(tmp_path / "competition", find_contest(name)), list[str]()
    run = serve(attached, options, log.append)
    assert pl.read_parquet("submission.parquet").rows() == [("a", 42), ("b", 42), ("c", 42)]
    assert (run / "answers.csv").read_text().count("\n") == 4
    assert json.loads((run / "summary.json").read_text())["problems"] == 3
    assert any(line.startswith("a: 42 (") for line in log)


def test_the_iterator_gets_every_answer(tmp_path: Path, options: RunOptions) -> None:
    attached = attach(tmp_path / "competition", find_contest("aimo1"))
    serve(attached, options, lambda line: None)
    assert (tmp_path / "submission.csv").read_text().split() == ["id,answer", "a,42", "b,42", "c,42"]


def test_an_engine_that_does_not_load_still_leaves_a_submission(tmp_path: Path, options: RunOptions) -> None:
    open_runtime = opened(load_error=EngineLoadError("no card"))
    attached, log = attach(tmp_path / "competition", find_contest("aimo3")), list[str]()
    with pytest.raises(InputError, match=r"3 of 3 problems were not answered by the solver .*no card"):
        serve(attached, options, log.append, open_runtime)
    assert pl.read_parquet("submission.parquet").rows() == [("a", 0), ("b", 0), ("c", 0)]
    assert sum("loading failed (no card)" in line for line in log) == LOAD_ATTEMPTS - 1


def test_a_version_being_saved_takes_minutes_not_hours(tmp_path: Path) -> None:
    attached = attach(tmp_path / "competition", find_contest("aimo3"))
    assert (attached.problems, attached.limits.total_seconds) == (3, 15 * 60.0)
    scored = AttachedContest(attached.contest, attached.folder, attached.test_file, scored=True)
    assert (scored.problems, scored.limits.total_seconds) == (50, 5 * 3600.0)


def test_a_test_file_with_answers_and_one_without_problems(tmp_path: Path, options: RunOptions) -> None:
    attached = attach(tmp_path / "competition", find_contest("aimo3"))
    (tmp_path / "competition/test.csv").write_text("id,problem,answer\na,1 + 1?,2\n")
    serve(attached, options, lambda line: None)
    assert pl.read_parquet("submission.parquet").rows() == [("a", 42)]
    (tmp_path / "competition/test.csv").write_text("id,problem\n")
    with pytest.raises(InputError, match=r"test\.csv: holds no problems"):
        serve(attached, options, lambda line: None)


def test_a_competition_without_its_package_is_named(tmp_path: Path, options: RunOptions) -> None:
    (tmp_path / "empty").mkdir()
    attached = AttachedContest(find_contest("aimo3"), tmp_path / "empty", None, scored=False)
    with pytest.raises(InputError, match="empty: has no folder kaggle_evaluation, and no such package"):
        serve(attached, options, lambda line: None)


def test_a_package_that_is_installed_serves_as_well_as_an_attached_one(
    tmp_path: Path, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached = attach(tmp_path / "competition", find_contest("aimo3"))
    (tmp_path / "site").mkdir()
    (tmp_path / "competition/kaggle_evaluation").rename(tmp_path / "site/kaggle_evaluation")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    serve(attached, options, lambda line: None)
    assert pl.read_parquet("submission.parquet").rows() == [("a", 42), ("b", 42), ("c", 42)]


def test_a_contest_climbs_the_ladder_and_asks_the_canary_before_its_first_problem(
    tmp_path: Path, options: RunOptions
) -> None:
    asked: list[str] = []

    def script(text: str, sampling: Sampling) -> Reply:
        asked.append(text)
        return Reply("It is $\\boxed{42}$, as the sum of all the primes.", seconds_per_chunk=0.0)

    open_runtime = scripted_runtime(script, canary=ask_canary)
    attached, log = attach(tmp_path / "competition", find_contest("aimo3")), list[str]()
    serve(attached, options, log.append, open_runtime)
    assert all(QUESTION in text for text in asked[:STREAMS])
    assert not any(QUESTION in text for text in asked[STREAMS:])
    assert sum("canary passed" in line for line in log) == 1
