"""submission.parquet: the file that a contest scores.

Guarantees: it is whole at any moment, and holds every answer so far; where it cannot be written, that is known before
the run, and at the end of one another place is found for it.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import polars as pl

from aimo_solver.errors import InputError
from aimo_solver.utils.contained import CONTAINABLE, describe
from aimo_solver.utils.files import require_replaceable
from aimo_solver.utils.log import Log, unbreakable

INT64: Final = range(-(2**63), 2**63)
_MAX_STEM_CHARS: Final = 100
"""Of the file's name in that of its partial file: both must be names that a file system takes."""


class Submission:
    """A run's submission, kept current. `save` it before the engine is ended, then `finish` it."""

    def __init__(self, path: Path, answers: Mapping[str, int], *, log: Log) -> None:
        """`answers` are those to give if the run ended now. Raises InputError if no file can be written there."""
        self.path, self._answers, self._log = path, dict(answers), unbreakable(log)
        self._failure = ""
        """Why it is not current; empty if it is."""
        check_submission_path(path, answers)

    def answer(self, id: str, answer: int) -> None:
        """Takes one problem's answer, and saves the file."""
        self._answers[id] = answer
        self.save()

    def save(self) -> None:
        """Writes the file. If it cannot be written now, the next save may."""
        try:
            write_submission(self.path, self._answers)
        except CONTAINABLE as error:
            if not self._failure:
                self._log(f"{error}; the run continues and tries again after the next answer")
            self._failure = str(error) or describe(error)
        else:
            self._failure = ""

    def finish(self, elsewhere: Sequence[Path] | None = None) -> None:
        """Saves the file; if it cannot be written, in the first other folder that takes it.

        `elsewhere`: those folders; None means the current one and the one for temporary files. Raises InputError,
        which names the place, if it is another one than was asked for.
        """
        self.save()
        if not self._failure:
            return
        other = self._save_elsewhere(elsewhere or (Path.cwd(), Path(tempfile.gettempdir())))
        if other is not None:
            raise InputError(f"{self._failure}; the submission is in {other.absolute()}")
        answers = " ".join(f"{id}:{answer}" for id, answer in self._answers.items())
        raise InputError(f"{self._failure}; no other folder takes the submission, so here it is: {answers}")

    def _save_elsewhere(self, folders: Sequence[Path]) -> Path | None:
        for folder in folders:
            other = folder / f"{os.getpid()}-{self.path.name[-_MAX_STEM_CHARS:]}"
            with suppress(InputError):
                write_submission(other, self._answers)
                return other
        return None


def check_submission_path(path: Path, answers: Mapping[str, int] | None = None) -> None:
    """Raises InputError if no submission can be written there, before hours of work depend on it.

    Writes one with these answers beside it, to see that there is room, and removes it.
    """
    require_replaceable(path)
    if not path.parent.is_dir():
        raise InputError(f"{path}: its folder does not exist; create it or name another file")
    partial = _partial(path)
    try:
        partial.write_bytes(submission_bytes(answers or {}))
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}; name another file") from None
    finally:
        with suppress(OSError):
            partial.unlink()


def write_submission(path: Path, answers: Mapping[str, int]) -> None:
    """Writes `id` (String) and `answer` (Int64), whole or not at all. Raises InputError.

    An answer outside Int64 is clipped, so that the others are not lost with it.
    """
    partial = _partial(path)
    try:
        partial.write_bytes(submission_bytes(answers))
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def submission_bytes(answers: Mapping[str, int]) -> bytes:
    """Returns the file's content."""
    values = [min(max(answer, INT64[0]), INT64[-1]) for answer in answers.values()]
    frame = pl.DataFrame({"id": list(answers), "answer": values}, schema={"id": pl.String, "answer": pl.Int64})
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name[:_MAX_STEM_CHARS]}.{os.getpid()}.partial")
