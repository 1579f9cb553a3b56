"""submission.parquet: the file that a contest scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from aimo_solver.errors import InputError

INT64: Final = range(-(2**63), 2**63)


def check_submission_path(path: Path) -> None:
    """Raises InputError if no submission can be written there, before hours of work depend on it."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file")
    if not path.parent.is_dir():
        raise InputError(f"{path}: its folder does not exist; create it or name another file")


def write_submission(path: Path, answers: Mapping[str, int]) -> None:
    """Writes `id` (String) and `answer` (Int64), whole or not at all.

    An answer outside Int64 is clipped, so that the others are not lost with it.
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
