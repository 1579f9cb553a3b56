"""Run logs: what runs left in their folders is read back, or refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.helpers.examples import solution, trajectory

from aimo_solver.errors import InputError
from aimo_solver.runs.writer import RunFolder
from aimo_solver.runs.samples import count_cut, read_samples
from aimo_solver.rollouts.trajectory import StopReason


def test_runs_become_pools(tmp_path: Path) -> None:
    done, cut = trajectory(answer=42), trajectory(answer=None, stop_reason=StopReason.DEADLINE)
    paths = [tmp_path / "one", tmp_path / "two"]
    for path in paths:
        with RunFolder(path, {}) as folder:
            folder.add(solution([done, cut]))
    (logged,) = read_samples(paths)
    assert (logged.gold, len(logged.samples)) == (42, 2)
    assert {sample["answer"] for sample in logged.samples} == {42}


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
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
