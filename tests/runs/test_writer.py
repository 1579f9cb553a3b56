"""Run folders: whole lines as things happen, readable by others."""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from aimo_solver.config.names import CodeMode
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.trajectory import Turn
from aimo_solver.runs.reader import read_run
from aimo_solver.runs.writer import (
    ANSWER_FIELDS,
    VERSION,
    RunFolder,
    answer_row,
    new_run_path,
    trajectory_row,
)
from aimo_solver.sandbox.base import ExecutionStatus
from tests.helpers.examples import rollouts, solution, trajectory
from tests.helpers.full_disk import limited_file_size

CALL = Turn(
    "```python\nprint(42)\n```\n```output\n",
    12,
    1.23456,
    code="print(42)",
    output="42\n",
    status=ExecutionStatus.OK,
    code_seconds=0.5,
)
LAST = Turn("Die Lösung: $\\boxed{42}$\u2028", 9, 0.5, entropies=(0.123456, 0.0))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    with RunFolder(tmp_path / "runs" / "first", {"seed": 3}) as folder:
        yield folder


def lines(folder: RunFolder, name: str = "trajectories.jsonl") -> list[str]:
    """What a reader sees while the run is under way."""
    text = (folder.path / name).read_text(encoding="utf-8")
    assert text == "" or text.endswith("\n")
    return text.split("\n")[:-1]


def test_lines_are_whole_after_each_problem(folder: RunFolder) -> None:
    for solved in (1, 2):
        id = f"p{solved}"
        ended = [trajectory(42, 0, turns=(CALL, LAST), problem_id=id), trajectory(None, 1, turns=(), problem_id=id)]
        folder.add(solution(ended, problem_id=id))
        rows = [json.loads(line) for line in lines(folder)]
        assert [row["rollout"] for row in rows] == [0, 1] * solved
        assert len(lines(folder, "answers.csv")) == 1 + solved


def test_the_log_is_written_at_once(folder: RunFolder) -> None:
    folder.log("engine died")
    assert lines(folder, "log.txt") == ["engine died"]


def test_the_steps_of_several_trees_stand_in_one_file(folder: RunFolder) -> None:
    folder.add_steps([{"prefix": "a"}, {"prefix": "b"}])
    folder.add_steps([{"prefix": "c"}])
    assert [json.loads(line)["prefix"] for line in lines(folder, "trees.jsonl")] == ["a", "b", "c"]


def test_a_trajectory_row_holds_version_answer_and_tokens() -> None:
    row = trajectory_row(trajectory(42, 3, turns=(CALL, LAST)))
    assert (row["version"], row["rollout"], row["answer"], row["tokens"]) == (VERSION, 3, 42, 21)
    assert row["stop_reason"] == "answered"


def test_what_a_turn_lacks_is_left_out() -> None:
    call, last = trajectory_row(trajectory(42, turns=(CALL, LAST)))["turns"]
    assert (call["code"], call["status"]) == ("print(42)", "ok")
    assert "code" not in last and "entropies" not in call


def test_no_answer_is_null_not_a_number() -> None:
    assert trajectory_row(trajectory(None))["answer"] is None


def test_floats_are_rounded() -> None:
    call, last = trajectory_row(trajectory(42, turns=(CALL, LAST)))["turns"]
    assert (call["seconds"], last["entropies"]) == (1.2346, [0.1235, 0.0])


def test_polars_reads_the_trajectories(folder: RunFolder) -> None:
    folder.add(solution([trajectory(None, 0, turns=()), trajectory(42, 1, turns=(CALL, LAST))]))
    frame = pl.read_ndjson(folder.path / "trajectories.jsonl")
    assert frame["answer"].to_list() == [None, 42]
    assert frame["turns"].to_list()[1][0]["code"] == "print(42)"
    assert frame["turns"].to_list()[1][1]["text"] == LAST.text


def test_an_answer_row_holds_the_vote(folder: RunFolder) -> None:
    folder.add(solution(rollouts(7, 42, 42, None)))
    (row,) = csv.DictReader(lines(folder, "answers.csv"))
    assert tuple(row) == ANSWER_FIELDS
    assert (row["answer"], row["gold"], row["correct"]) == ("42", "42", "1")
    assert (row["answered"], row["rollouts"], row["votes"]) == ("3", "4", "42:2 7:1")


def test_without_a_gold_answer_the_row_does_not_judge() -> None:
    row = answer_row(solution(rollouts(42), gold=None))
    assert (row["gold"], row["correct"]) == (None, None)


def test_a_fallback_answer_shows_that_no_rollout_voted() -> None:
    row = answer_row(solution(rollouts(None, None)))
    assert (row["answer"], row["answered"], row["votes"]) == (0, 0, "")


def test_settings_are_kept_and_none_is_left_out(tmp_path: Path) -> None:
    settings = {"rollout": {"code": CodeMode.DISABLED, "timeout_seconds": None}, "seeds": (1, 2)}
    with RunFolder(tmp_path / "run", settings) as folder:
        kept = tomllib.loads((folder.path / "settings.toml").read_text())
    assert kept == {"rollout": {"code": "disabled"}, "seeds": [1, 2]}


def test_the_summary_is_whole_or_not_there(folder: RunFolder) -> None:
    assert not (folder.path / "summary.json").exists()
    folder.finish({"correct": 3, "pass_at_1": None})
    assert json.loads((folder.path / "summary.json").read_text()) == {"correct": 3, "pass_at_1": None}
    assert not list(folder.path.glob("*.partial"))


def test_an_unwritten_summary_leaves_no_half_and_is_warned_of(tmp_path: Path) -> None:
    warnings: list[str] = []
    with RunFolder(tmp_path / "run", {}, warn=warnings.append) as folder:
        folder.finish({"folder": folder.path})
        assert not folder.whole
    assert sorted(path.name for path in folder.path.iterdir() if "summary" in path.name) == []
    assert len(warnings) == 1 and warnings[0].startswith("writing summary.json failed: TypeError")


def test_run_folder_that_is_full_at_any_byte_loses_nothing_once_there_is_room(tmp_path: Path) -> None:
    def fill(path: Path, max_bytes: int | None) -> tuple[RunFolder, list[str]]:
        warnings: list[str] = []
        with RunFolder(path, {"seed": 3}, warn=warnings.append) as folder:
            with limited_file_size(max_bytes):
                folder.log("begun")
                for number in (1, 2):
                    id = f"p{number}"
                    ended = [trajectory(42, 0, turns=(CALL, LAST), problem_id=id), trajectory(7, 1, problem_id=id)]
                    folder.add(solution(ended, problem_id=id))
                    folder.log(f"{id} answered")
            folder.log("there is room again")
            folder.add(solution([trajectory(5, 0, problem_id="p3")], problem_id="p3"))
        return folder, warnings

    names = ("problems.jsonl", "trajectories.jsonl", "answers.csv", "log.txt")
    whole, _ = fill(tmp_path / "whole", None)
    expected = {name: (whole.path / name).read_bytes() for name in names}
    longest = max(map(len, expected.values()))
    for max_bytes in range(200, longest, 7):  # Below, the folder could not be begun.
        folder, warnings = fill(tmp_path / f"full-at-{max_bytes}", max_bytes)
        assert {name: (folder.path / name).read_bytes() for name in names} == expected
        assert folder.whole and all("the run continues" in warning for warning in warnings)


def test_files_that_stay_full_hold_whole_lines_and_the_loss_is_warned_of(tmp_path: Path) -> None:
    warnings: list[str] = []
    with limited_file_size(2_000):
        with RunFolder(tmp_path / "run", {}, warn=warnings.append) as folder:
            for number in range(20):
                folder.record(trajectory(42, number, turns=(CALL, LAST)))
        assert not folder.whole
    rows = [json.loads(line) for line in lines(folder)]
    assert [row["rollout"] for row in rows] == list(range(len(rows))) and 0 < len(rows) < 20
    assert [warning.partition("(")[0].rpartition(": ")[2] for warning in warnings] == [
        "cannot be written ",
        f"{20 - len(rows)} entries could not be written",
    ]


def test_a_run_never_overwrites_another(folder: RunFolder) -> None:
    folder.log("first")
    with pytest.raises(InputError, match="the run folder exists; name another one"):
        RunFolder(folder.path, {})
    assert lines(folder, "log.txt") == ["first"]


def test_a_runs_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(InputError, match="cannot be written"):
        RunFolder(tmp_path / "runs" / "first", {})


def test_runs_of_the_same_second_get_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped_clock(pattern: str) -> str:
        return "20260101-000000"

    monkeypatch.setattr("time.strftime", stopped_clock)
    names: list[str] = []
    for _ in range(3):
        path = new_run_path(tmp_path, "demo")
        path.mkdir()
        names.append(path.name)
    assert names == [f"20260101-000000-demo{ending}" for ending in ("", "-2", "-3")]


def test_second_resume_of_a_folder_is_refused_while_the_first_writes(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", {"seed": 3}, [Problem("p1", "1 + 1?")]) as folder:
        logged = read_run(folder.path).to_resume()
        with pytest.raises(InputError, match="another process writes in this run folder"):
            RunFolder.resume(folder.path, logged)
        folder.log("still writing")
    with RunFolder.resume(folder.path, logged) as again:
        again.log("resumed")
    assert lines(again, "log.txt") == ["still writing", "resumed"]


def test_run_that_may_go_without_its_folder_writes_it_when_it_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()  # A file where the folder should be.
    warnings: list[str] = []
    with RunFolder(tmp_path / "runs" / "run", {"seed": 3}, warn=warnings.append, required=False) as folder:
        folder.add(solution([trajectory(42, 0)]))
        assert not folder.whole
        (tmp_path / "runs").unlink()
        folder.log("there is a place now")
    assert folder.whole and len(lines(folder)) == 1
    assert tomllib.loads((folder.path / "settings.toml").read_text()) == {"seed": 3}
    assert warnings and all("the run continues and tries again" in warning for warning in warnings)
