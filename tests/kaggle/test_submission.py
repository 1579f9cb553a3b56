"""submission.parquet: its columns, and that it is written whole or not at all."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from aimo_solver.errors import InputError
from aimo_solver.kaggle.submission import Submission, check_submission_path, submission_bytes, write_submission
from tests.helpers.full_disk import limited_file_size


def answers(path: Path) -> dict[str, int]:
    return dict(pl.read_parquet(path).rows())


def make_device(path: Path) -> None:
    path.symlink_to(os.devnull)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def test_a_submission_holds_ids_and_whole_numbers_in_order(tmp_path: Path) -> None:
    path = tmp_path / "submission.parquet"
    write_submission(path, {"b": 7, "a": 0})
    frame = pl.read_parquet(path)
    assert frame.schema == {"id": pl.String, "answer": pl.Int64}
    assert frame.rows() == [("b", 7), ("a", 0)]


def test_an_empty_submission_has_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "submission.parquet"
    write_submission(path, {})
    assert pl.read_parquet_schema(path) == {"id": pl.String, "answer": pl.Int64}


def test_an_earlier_submission_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "submission.parquet"
    write_submission(path, {"a": 1})
    write_submission(path, {"a": 2})
    assert pl.read_parquet(path)["answer"].to_list() == [2]
    assert list(tmp_path.iterdir()) == [path]


def test_an_answer_outside_int64_does_not_cost_the_others(tmp_path: Path) -> None:
    path = tmp_path / "submission.parquet"
    write_submission(path, {"a": 10**30, "b": 42, "c": -(10**30)})
    assert pl.read_parquet(path)["answer"].to_list() == [2**63 - 1, 42, -(2**63)]


def test_submission_on_a_full_disk_leaves_the_earlier_one_at_any_byte(tmp_path: Path) -> None:
    path = tmp_path / "submission.parquet"
    write_submission(path, {"a": 1})
    for max_bytes in range(0, len(submission_bytes({"a": 2})), 5):
        with limited_file_size(max_bytes), pytest.raises(InputError, match="cannot be written: File too large"):
            write_submission(path, {"a": 2})
        assert pl.read_parquet(path)["answer"].to_list() == [1]
        assert list(tmp_path.iterdir()) == [path]


def test_submission_is_current_after_each_answer(tmp_path: Path) -> None:
    submission = Submission(tmp_path / "submission.parquet", {"a": 0, "b": 0}, log=print)
    assert list(tmp_path.iterdir()) == []
    submission.save()
    assert answers(submission.path) == {"a": 0, "b": 0}
    submission.answer("b", 7)
    assert answers(submission.path) == {"a": 0, "b": 7}
    submission.answer("a", 42)
    submission.finish()
    assert answers(submission.path) == {"a": 42, "b": 7}
    assert list(tmp_path.iterdir()) == [submission.path]


def test_submission_that_cannot_be_written_for_a_while_is_complete_in_the_end(tmp_path: Path) -> None:
    lines: list[str] = []
    submission = Submission(tmp_path / "submission.parquet", {"a": 0, "b": 0}, log=lines.append)
    with limited_file_size(10):
        submission.answer("a", 1)
        submission.answer("b", 2)
    submission.finish()
    assert answers(submission.path) == {"a": 1, "b": 2}
    assert len(lines) == 1 and lines[0].endswith("tries again after the next answer")


def test_submission_whose_place_is_gone_is_in_another_that_is_named(tmp_path: Path) -> None:
    place, full, other = tmp_path / "place", tmp_path / "full", tmp_path / "other"
    for folder in (place, other):
        folder.mkdir()
    submission = Submission(place / "submission.parquet", {"a": 0}, log=print)
    place.rmdir()
    submission.answer("a", 9)
    with pytest.raises(
        InputError, match="cannot be written: No such file or directory; the submission is in "
    ) as error:
        submission.finish([full, other])
    (found,) = other.iterdir()
    assert str(error.value).endswith(str(found)) and answers(found) == {"a": 9}


def test_submission_that_no_folder_takes_is_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    submission = Submission(tmp_path / "place" / "submission.parquet", {"a": 0, "b": 3}, log=print)
    (tmp_path / "place").rmdir()
    submission.answer("a", 9)
    with pytest.raises(InputError, match="here it is: a:9 b:3"):
        submission.finish([tmp_path / "none"])


def test_long_file_name_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / ("s" * 243 + ".parquet")
    check_submission_path(path)
    write_submission(path, {"a": 1})
    assert answers(path) == {"a": 1}


@pytest.mark.parametrize("make", [os.mkfifo, make_device, make_socket], ids=["pipe", "device", "socket"])
def test_what_is_no_file_is_refused_and_not_replaced(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "submission.parquet"
    make(path)
    kind = stat.S_IFMT(path.stat().st_mode)
    with pytest.raises(InputError, match="is a device or a pipe; name a file"):
        check_submission_path(path)
    assert stat.S_IFMT(path.stat().st_mode) == kind


def test_full_disk_is_found_before_the_run(tmp_path: Path) -> None:
    many = {f"problem-{number}": number for number in range(500)}
    with limited_file_size(200), pytest.raises(InputError, match="cannot be written: File too large; name another"):
        check_submission_path(tmp_path / "submission.parquet", many)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"its folder does not exist; create it or name another file"):
        check_submission_path(tmp_path / "none" / "submission.parquet")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; name a file"):
        check_submission_path(tmp_path)
