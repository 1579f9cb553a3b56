"""Samples: the finished rollouts of run folders, or the sentence that refuses them."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimo_solver.errors import InputError
from aimo_solver.rollouts.trajectory import StopReason
from aimo_solver.runs.reader import read_run
from aimo_solver.runs.samples import LoggedStream, count_cut, read_samples, read_streams
from aimo_solver.runs.writer import RunFolder
from tests.helpers.examples import solution, trajectory


def test_runs_become_pools(tmp_path: Path) -> None:
    done, cut = trajectory(answer=42), trajectory(answer=None, stop_reason=StopReason.DEADLINE)
    paths = [tmp_path / "one", tmp_path / "two"]
    for path in paths:
        with RunFolder(path, {}) as folder:
            folder.add(solution([done, cut]))
    (logged,) = read_samples(paths)
    assert (logged.gold, len(logged.samples)) == (42, 2)
    assert {sample["answer"] for sample in logged.samples} == {42}


def test_a_folder_that_is_not_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give a run folder"):
        read_samples([tmp_path])


def test_the_same_folder_twice_is_refused(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "one", {}) as folder:
        folder.add(solution([trajectory(answer=42)]))
    (tmp_path / "link").symlink_to(tmp_path / "one")
    with pytest.raises(InputError, match="one: is named twice"):
        read_samples([tmp_path / "one", tmp_path / "link"])


def test_two_sets_that_use_the_same_ids_are_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with RunFolder(tmp_path / name, {}) as folder:
            folder.add(solution([trajectory(answer=42)]))
    answers = tmp_path / "two/answers.csv"
    answers.write_text(answers.read_text().replace("42", "7"))
    with pytest.raises(InputError, match="has the gold 7 here and 42 before; pool each set alone"):
        read_samples([tmp_path / "one", tmp_path / "two"])


def test_a_cut_last_answer_is_no_gold(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "one", {}) as folder:
        folder.add(solution([trajectory(answer=42)]))
    answers = tmp_path / "one/answers.csv"
    answers.write_text(answers.read_text().rstrip("\r\n"))
    assert read_samples([tmp_path / "one"]) == []


def test_rollouts_that_were_cut_short_are_counted(tmp_path: Path) -> None:
    ends = (StopReason.ANSWERED, StopReason.CANCELLED, StopReason.DEADLINE)
    with RunFolder(tmp_path / "one", {}) as folder:
        ended = [trajectory(42 if end is ends[0] else None, at, stop_reason=end) for at, end in enumerate(ends)]
        folder.add(solution(ended))
    assert count_cut([tmp_path / "one"]) == 2


def test_a_run_of_another_version_is_refused_as_a_report_refuses_it(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "one", {}) as folder:
        folder.add(solution([trajectory(answer=42)]))
    file = tmp_path / "one/trajectories.jsonl"
    file.write_text(file.read_text().replace('"version": 1', '"version": 2'))
    sentences: list[str] = []
    for read in (lambda: read_run(tmp_path / "one"), lambda: read_samples([tmp_path / "one"])):
        with pytest.raises(InputError, match="line 1: version must be 1, got 2") as caught:
            read()
        sentences.append(str(caught.value))
    assert sentences[0] == sentences[1]


def test_rollouts_of_one_problem_and_run_are_streams_side_by_side(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "one", {}) as folder:
        folder.add(solution([trajectory(answer=42, rollout=n) for n in range(2)]))
        folder.add(solution([trajectory(answer=42, problem_id="p2")], problem_id="p2"))
    assert read_streams([tmp_path / "one"]) == [[LoggedStream(0.0, 1.0, 10)] * 2, [LoggedStream(0.0, 1.0, 10)]]
