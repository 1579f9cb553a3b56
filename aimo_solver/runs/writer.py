"""Writer: run folders, everything that a run leaves on disk.

`settings.toml`, `problems.jsonl` (the problems as they were given), `trajectories.jsonl` (one line
per rollout, as it ends), `trees.jsonl` (a search's steps, if its settings keep them), `answers.csv`
(one line per problem and run), `log.txt`, and at the end `summary.json`. docs/replay.md documents every
field. Guarantees: lines are written as things happen, so that a killed run leaves whole lines up to the
kill, at most the last one cut; `RunFolder.resume` continues such a folder, and reader.py reads it. Once a folder is
open, a disk that is full costs lines at most: they are warned of, kept, and written when there is room again.
"""

from __future__ import annotations

import csv
import fcntl
import io
import json
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final, Self, cast

import tomli_w

from aimo_solver.errors import InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import problem_row
from aimo_solver.rollouts.trajectory import RolloutKey, Trajectory
from aimo_solver.runs.reader import (
    ANSWERS_FILE,
    PROBLEMS_FILE,
    SETTINGS_FILE,
    TRAJECTORIES_FILE,
    VERSION,
    LoggedRun,
)
from aimo_solver.solver.observer import Observer
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.contained import contained
from aimo_solver.utils.files import json_line, write_text
from aimo_solver.utils.line_file import LineFile
from aimo_solver.utils.log import Log, unbreakable
from aimo_solver.voting import Vote
from aimo_solver.voting.selection import Selection

ANSWER_FIELDS: Final[tuple[str, ...]] = tuple(
    "run id answer gold correct answered rollouts votes seconds tokens code_calls stop started_seconds "
    "granted_seconds granted_rollouts selection selected judged judgings judging_tokens judging_seconds".split()
)

_HEADER: Final = ",".join(ANSWER_FIELDS) + "\r\n"

STEPS_FILE: Final = "trees.jsonl"
SUMMARY_FILE: Final = "summary.json"
_LOG_FILE: Final = "log.txt"


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class RunFolder:
    """Writes one run folder. Close it, or use it as a context manager."""

    def __init__(
        self,
        path: Path,
        settings: Mapping[str, Any],
        problems: Sequence[Problem] = (),
        *,
        warn: Log = _to_stderr,
        required: bool = True,
    ) -> None:
        """Creates the folder. Problems that are not known yet are added with their solutions.

        `warn` is called when something cannot be written. Raises InputError if the folder cannot be created, unless it
        is not `required`: then it is warned of and tried again later.
        """
        if required:
            _make_new_folder(path)
        self._open(path, frozenset(), warn, required=required)
        self._settings = LineFile(path / SETTINGS_FILE, warn=warn, required=required)
        self._settings.add(tomli_w.dumps(without_none(settings)))
        if required and not self._settings.whole:
            raise InputError(f"{path}: cannot be written; make room, or name another folder")
        self._lock = _lock(path)
        self._answers.add(_HEADER)
        for problem in problems:
            self._add_problem(problem)

    @classmethod
    def resume(cls, path: Path, logged: LoggedRun, *, warn: Log = _to_stderr) -> RunFolder:
        """Reopens a folder, after bringing its files to what `logged` holds: a line that was cut is gone.

        Raises InputError for one in which another process writes.
        """
        lock = _lock(path)
        lines = [json_line(trajectory_row(trajectory)) for trajectory in logged.trajectories]
        write_text(path / TRAJECTORIES_FILE, "".join(lines))
        write_text(path / ANSWERS_FILE, _HEADER + _csv_lines([answer_row(one) for one in logged.solutions]))
        _cut_to_whole_lines(path / STEPS_FILE)
        folder = cls.__new__(cls)
        folder._open(path, {trajectory.key for trajectory in logged.trajectories}, warn)
        folder._known = {problem.id for problem in logged.problems}
        folder._lock = lock
        return folder

    def _open(self, path: Path, recorded: Collection[RolloutKey], warn: Log, *, required: bool = True) -> None:
        self.path, self._warn = path, unbreakable(warn)
        self._recorded = set(recorded)
        self._known: set[str] = set()
        self._settings: LineFile | None = None
        self._steps: LineFile | None = None
        self._has_summary = True
        try:
            self._problems, self._trajectories, self._answers, self._log = (
                LineFile(path / name, warn=warn, required=required)
                for name in (PROBLEMS_FILE, TRAJECTORIES_FILE, ANSWERS_FILE, _LOG_FILE)
            )
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()
        if self._lock is not None:
            self._lock.close()

    @property
    def whole(self) -> bool:
        """Whether everything so far has been written."""
        return self._has_summary and all(file.whole for file in self._files)

    @property
    def _files(self) -> list[LineFile]:
        files = [self._settings, self._problems, self._trajectories, self._answers, self._log, self._steps]
        return [file for file in files if file is not None]

    def log(self, line: str) -> None:
        """Adds a line to log.txt."""
        self._log.add(f"{line}\n")

    def record(self, trajectory: Trajectory) -> None:
        """Writes a rollout that has ended; a second time, nothing."""
        if trajectory.key not in self._recorded:
            self._recorded.add(trajectory.key)
            self._trajectories.add(json_line(trajectory_row(trajectory)))

    def add_steps(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes the steps that a search found, to train a scorer on."""
        with contained(f"writing {STEPS_FILE}", self._warn):
            self._steps = self._steps or LineFile(self.path / STEPS_FILE, warn=self._warn)
            self._steps.add("".join(map(json_line, rows)))

    def add(self, solution: Solution) -> None:
        """Writes the answer to a problem, and those of its rollouts that have not been written yet."""
        self._add_problem(solution.problem)
        for trajectory in solution.trajectories:
            self.record(trajectory)
        self._answers.add(_csv_lines([answer_row(solution)]))

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Writes summary.json, whole or not at all."""
        self._has_summary = False
        with contained(f"writing {SUMMARY_FILE}", self._warn):
            write_text(self.path / SUMMARY_FILE, json.dumps(summary, indent=2) + "\n")
            self._has_summary = True

    def _add_problem(self, problem: Problem) -> None:
        if problem.id not in self._known:
            self._known.add(problem.id)
            self._problems.add(json_line(problem_row(problem)))


class Recorder(Observer):
    """Writes every rollout to a run folder as soon as it has ended."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def rollout_finished(self, trajectory: Trajectory, vote: Vote) -> None:
        self._folder.record(trajectory)


def _make_new_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=False)
    except FileExistsError:
        raise InputError(f"{path}: the run folder exists; name another one") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def _lock(path: Path) -> IO[bytes] | None:
    """Returns the lock on a run folder, which closing it or the end of this process gives up.

    None where files cannot be locked. Raises InputError if another process has it.
    """
    try:
        file = (path / SETTINGS_FILE).open("rb")
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise InputError(f"{path}: another process writes in this run folder; wait for it or end it") from None
    except OSError:  # Some network file systems have no locks.
        pass
    return file


def new_run_path(folder: Path, name: str) -> Path:
    """Returns `folder/<time>-<name>`, with a number after it where that exists."""
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    path, number = folder / stem, 2
    while path.exists():
        path, number = folder / f"{stem}-{number}", number + 1
    return path


def trajectory_row(trajectory: Trajectory) -> dict[str, Any]:
    """Returns a row of trajectories.jsonl. Floats are rounded to four decimals."""
    row = _rounded(without_none(asdict(trajectory)))
    return {"version": VERSION, **row, "answer": trajectory.answer, "tokens": trajectory.tokens}


def answer_row(solution: Solution) -> dict[str, Any]:
    """Returns a row of answers.csv; `votes` and `judged` are written as in "42:11 17:3"."""
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
        "started_seconds": round(solution.started_seconds, 3),
        "granted_seconds": round(solution.grant.seconds, 3),
        "granted_rollouts": solution.grant.rollouts,
        **({} if solution.selection is None else _selection_fields(solution.selection)),
    }


def _selection_fields(selection: Selection) -> dict[str, Any]:
    return {
        "selection": str(selection.reason),
        "selected": selection.answer,
        "judged": " ".join(f"{answer}:{count}" for answer, count in selection.tally),
        "judgings": selection.judgings,
        "judging_tokens": selection.tokens,
        "judging_seconds": round(selection.seconds, 3),
    }


def _csv_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    with io.StringIO(newline="") as text:
        rows_of: csv.DictWriter[str] = csv.DictWriter(text, ANSWER_FIELDS)
        rows_of.writerows(rows)
        return text.getvalue()


def _cut_to_whole_lines(path: Path) -> None:
    if path.exists():
        lines = path.read_bytes()
        path.write_bytes(lines[: lines.rfind(b"\n") + 1])


def without_none(value: Any) -> Any:
    """Returns the value without the keys whose values are None, at any depth: TOML has no null."""
    if isinstance(value, Mapping):
        items = cast("Mapping[object, Any]", value).items()
        return {str(key): without_none(item) for key, item in items if item is not None}
    if isinstance(value, (list, tuple)):
        return [without_none(item) for item in cast("Sequence[Any]", value)]
    return value


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_rounded(item) for item in cast("list[Any]", value)]
    return round(value, 4) if isinstance(value, float) else value
