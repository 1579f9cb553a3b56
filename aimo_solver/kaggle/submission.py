"""submission.parquet: what a contest scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from aimo_solver.errors import InputError

INT64: Final = range(-(2**63), 2**63)


def check_submission_path(path: Path) -> None:
    """Raises InputError where no submission can be written, so that hours need not pass to find out."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name the submission's file")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it or name another file")


def write_submission(path: Path, answers: Mapping[str, int]) -> None:
    """Writes `id` (String) and `answer` (Int64), whole or not at all.

    An answer past Int64 becomes the nearest one inside: it is lost, the others are not.
    """
    values = [min(max(answer, INT64[0]), INT64[-1]) for answer in answers.values()]
    frame = pl.DataFrame({"id": list(answers), "answer": values}, schema={"id": pl.String, "answer": pl.Int64})
    partial = path.with_name(f".{path.name}.partial")
    try:
        frame.write_parquet(partial)
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)
