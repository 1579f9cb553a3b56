"""submission.parquet: what a contest scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from aimo_solver.errors import InputError


def write_submission(path: Path, answers: Mapping[str, int]) -> None:
    """Writes `id` (String) and `answer` (Int64), whole or not at all."""
    frame = pl.DataFrame(
        {"id": list(answers), "answer": list(answers.values())}, schema={"id": pl.String, "answer": pl.Int64}
    )
    partial = path.with_name(f".{path.name}.partial")
    try:
        frame.write_parquet(partial)
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)
