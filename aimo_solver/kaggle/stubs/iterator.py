"""Stub of AIMO1's module `aimo`: one-row pandas frames, the next row only after `predict`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pandas as pd  # pyright: ignore[reportMissingTypeStubs]  # It has none.

TEST_FILE: Final = Path(__file__).parent.parent / "test.csv"
SUBMISSION: Final = Path("submission.csv")


class IteratorEnvironment:
    """One pass over test.csv."""

    def __init__(self) -> None:
        self._answers: list[pd.DataFrame] = []

    def iter_test(self) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
        rows: Any = pd.read_csv(TEST_FILE, dtype=str, keep_default_na=False)
        """Yields the problem and a row of the sample submission."""
        for place in range(len(rows)):
            yield rows.iloc[[place]][["id", "problem"]], pd.DataFrame({"id": [rows["id"][place]], "answer": [0]})
            if len(self._answers) != place + 1:
                raise RuntimeError("predict must be called before the next problem is requested")

    def predict(self, frame: pd.DataFrame) -> None:
        """Takes the answer to the current problem."""
        self._answers.append(frame)
        answered: Any = pd.concat(self._answers)
        answered.to_csv(SUBMISSION, index=False)


def make_env() -> IteratorEnvironment:
    """Kaggle allows one call per process."""
    return IteratorEnvironment()
