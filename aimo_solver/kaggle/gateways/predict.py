"""The function a contest's inference server calls, and the frames it gives and takes.

The servers pass one-row columns by position (`polars.Series` of length 1: id, problem and, where
the test file has them, more) and want a one-row frame `id, answer` back. A bare integer is taken
on every call and fails the submission at its end. AIMO3's server wants a plain function of the
name `predict`. Source: `kaggle_evaluation` of both competitions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl


def make_predict(answer: Callable[[object, object], int]) -> Callable[..., pl.DataFrame]:
    """`predict` over a function of id and statement that never raises."""

    def predict(id_: Any, problem: Any = None, *_: Any) -> pl.DataFrame:
        identifier = only_value(id_)
        return answer_frame(identifier, answer(identifier, only_value(problem)))

    return predict


def only_value(column: Any) -> Any:
    """The value of a one-row polars or pandas column; anything else as it is."""
    try:
        if len(column) == 1 and not isinstance(column, (str, bytes)):
            return column.item(0) if isinstance(column, pl.Series) else column.iloc[0]
    except (TypeError, AttributeError):
        pass
    return column


def answer_frame(id: object, answer: int) -> pl.DataFrame:
    """One row: the id as it was asked, and the answer."""
    return pl.DataFrame({"id": [id], "answer": [answer]}, schema_overrides={"answer": pl.Int64})
