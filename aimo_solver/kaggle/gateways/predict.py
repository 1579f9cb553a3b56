"""The function that a contest's inference server calls, and the frames that it gets and returns.

The servers pass one-row columns by position (`polars.Series` of length 1: id, problem, and more if
the test file has more) and expect a one-row frame `id, answer`. A bare integer is accepted on every
call and then fails the whole submission at the end. AIMO3's server requires a plain function named
`predict`. Source: `kaggle_evaluation` of both competitions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl


def make_predict(answer: Callable[[object, object], int]) -> Callable[..., pl.DataFrame]:
    """Returns `predict` for a function of id and statement that never raises."""

    def predict(id_: Any, problem: Any = None, *_: Any) -> pl.DataFrame:
        identifier = only_value(id_)
        return answer_frame(identifier, answer(identifier, only_value(problem)))

    return predict


def only_value(column: Any) -> Any:
    """Returns the value of a one-row polars or pandas column; anything else unchanged."""
    try:
        if len(column) == 1 and not isinstance(column, (str, bytes)):
            return column.item(0) if isinstance(column, pl.Series) else column.iloc[0]
    except (TypeError, AttributeError):
        pass
    return column


def answer_frame(id: object, answer: int) -> pl.DataFrame:
    """A frame of one row: the id as it was asked, and the answer."""
    return pl.DataFrame({"id": [id], "answer": [answer]}, schema_overrides={"answer": pl.Int64})
