"""submission.parquet: its columns, and that it is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from aimo_solver.errors import InputError
from aimo_solver.kaggle.submission import check_submission_path, write_submission


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


def test_a_failed_write_leaves_the_earlier_submission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "submission.parquet"
    write_submission(path, {"a": 1})

    def disk_full(frame: pl.DataFrame, file: Path) -> None:
        file.write_bytes(b"PAR1")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", disk_full)
    with pytest.raises(InputError, match="cannot be written: No space left on device"):
        write_submission(path, {"a": 2})
    monkeypatch.undo()
    assert pl.read_parquet(path)["answer"].to_list() == [1]
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"its folder does not exist; create it or name another file"):
        check_submission_path(tmp_path / "none" / "submission.parquet")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; name a file"):
        check_submission_path(tmp_path)
