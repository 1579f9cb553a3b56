"""Run folders: everything a run leaves on disk.

`settings.toml`, `trajectories.jsonl` (one line a rollout), `answers.csv` (one line a problem),
`log.txt`, and at the end `summary.json`. Guarantees: written as things happen, so that a killed
run leaves whole lines up to the kill, at most the last one cut.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TextIO

import tomli_w

from aimo_solver.errors import InputError
from aimo_solver.solution import Solution
from aimo_solver.text_file import write_text
from aimo_solver.trajectory import Trajectory

VERSION: Final = 1
"""Of the lines in trajectories.jsonl."""
ANSWER_FIELDS: Final[tuple[str, ...]] = tuple(
    "run id answer gold correct answered rollouts votes seconds tokens code_calls stop".split()
)


class RunFolder:
    """Writes one run folder. Close it, or use it as a context manager."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=False)
            (path / "settings.toml").write_text(tomli_w.dumps(_without_none(settings)), encoding="utf-8")
            self._trajectories: TextIO = (path / "trajectories.jsonl").open("w", encoding="utf-8")
            self._answers: TextIO = (path / "answers.csv").open("w", encoding="utf-8", newline="")
            self._log: TextIO = (path / "log.txt").open("w", encoding="utf-8")
        except FileExistsError:
            raise InputError(f"{path}: the run folder exists; name another one") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from None
        self._rows: csv.DictWriter[str] = csv.DictWriter(self._answers, ANSWER_FIELDS)
        self._rows.writeheader()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._trajectories, self._answers, self._log):
            file.close()

    def log(self, line: str) -> None:
        """Adds a line to log.txt."""
        print(line, file=self._log, flush=True)

    def add(self, solution: Solution) -> None:
        """Writes a solved problem's rollouts and its answer."""
        for trajectory in solution.trajectories:
            self._trajectories.write(json.dumps(trajectory_row(trajectory), ensure_ascii=False) + "\n")
        self._trajectories.flush()
        self._rows.writerow(answer_row(solution))
        self._answers.flush()

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Writes summary.json, whole or not at all."""
        write_text(self.path / "summary.json", json.dumps(summary, indent=2) + "\n")


def new_run_path(folder: Path, name: str) -> Path:
    """`folder/<time>-<name>`, with a number behind it where that exists."""
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    path, number = folder / stem, 2
    while path.exists():
        path, number = folder / f"{stem}-{number}", number + 1
    return path


def trajectory_row(trajectory: Trajectory) -> dict[str, Any]:
    """One line of trajectories.jsonl. Floats are rounded to four decimals."""
    row = _rounded(_without_none(asdict(trajectory)))
    return {"version": VERSION, **row, "answer": trajectory.answer, "tokens": trajectory.tokens}


def answer_row(solution: Solution) -> dict[str, Any]:
    """One line of answers.csv; `votes` reads "42:11 17:3"."""
    return {
        "run": solution.run,
        "id": solution.problem.id,
        "answer": solution.answer,
        "gold": solution.problem.gold,
        "correct": None if solution.correct is None else int(solution.correct),
        "answered": solution.vote.answered,
        "rollouts": len(solution.trajectories),
        "votes": " ".join(f"{answer}:{weight:g}" for answer, weight in solution.vote.tally),
        "seconds": round(solution.seconds, 3),
        "tokens": solution.tokens,
        "code_calls": sum(trajectory.code_calls for trajectory in solution.trajectories),
        "stop": solution.stop,
    }


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_without_none(item) for item in value]
    return value


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value
