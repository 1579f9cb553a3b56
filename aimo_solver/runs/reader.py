"""Reader: a run folder read back, whether its run has ended, is still under way, or was killed.

This is the only reader of trajectories.jsonl and answers.csv. Guarantees: a file is read whole or refused
in one sentence that names file, line and cure; a last line that a kill cut short is left out; what is odd
but harmless (no statements, an answer without rollouts) is noted in `LoggedRun.notes`.
"""

from __future__ import annotations

import csv
import math
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from aimo_solver.errors import InputError
from aimo_solver.policies.policy import Grant
from aimo_solver.problems.problem import ANY_INTEGER, AnswerRule, Problem
from aimo_solver.problems.problem_set import load_problem_set
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.files import json_rows, read_text, whole_lines
from aimo_solver.voting import Vote
from aimo_solver.voting.selection import Selection, SelectionReason

VERSION: Final = 1
"""The version of the rows in trajectories.jsonl."""
SETTINGS_FILE: Final = "settings.toml"
PROBLEMS_FILE: Final = "problems.jsonl"
TRAJECTORIES_FILE: Final = "trajectories.jsonl"
ANSWERS_FILE: Final = "answers.csv"
_EXAMPLE: Final = "give a run folder, such as runs/20260101-120000-demo"
_CUT_SHORT: Final = frozenset(
    {StopReason.CANCELLED, StopReason.ENGINE_FAILED, StopReason.SANDBOX_FAILED, StopReason.FAILED}
)
"""How rollouts end that would have ended otherwise in a run that was not stopped."""
_ENDED_ITSELF: Final = frozenset({StopReason.ANSWERED, StopReason.NO_ANSWER})
"""How rollouts ended of which an older version did not write whether the model had ended them."""
_REQUIRED: Final = ("problem_id", "run", "stop_reason", "started_seconds", "seconds", "tokens", "answer")
_AMOUNTS: Final = ("started_seconds", "seconds", "tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRun:
    """What a run folder holds."""

    path: Path
    settings: Mapping[str, Any]
    problems: tuple[Problem, ...]
    trajectories: tuple[Trajectory, ...]
    """In the order they ended; also those of problems that were not answered yet."""
    solutions: tuple[Solution, ...]
    """In the order they were answered."""
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def rule(self) -> AnswerRule:
        """The contest's answer rule; any integer where the settings do not hold one."""
        try:
            return AnswerRule(**self.settings["rule"])
        except (KeyError, TypeError):
            return ANY_INTEGER

    def to_resume(self) -> LoggedRun:
        """Returns the run without the rollouts that a kill cut short."""
        answered = {(solution.run, solution.problem.id) for solution in self.solutions}
        whole = tuple(
            trajectory
            for trajectory in self.trajectories
            if (trajectory.run, trajectory.problem_id) in answered or trajectory.stop_reason not in _CUT_SHORT
        )
        return replace(self, trajectories=whole)

    def seconds_of(self, run: int) -> float:
        """Returns the seconds on one run's clock at its last answer."""
        return max((s.started_seconds + s.seconds for s in self.solutions if s.run == run), default=0.0)


def read_run(path: Path) -> LoggedRun:
    """Reads a run folder. Raises InputError."""
    _require_run_folder(path)
    notes: list[str] = []
    settings = _settings(path / SETTINGS_FILE)
    trajectories = tuple(read_trajectories(path))
    problems = _problems(path / PROBLEMS_FILE, notes)
    solutions = tuple(_solutions(path, problems, trajectories))
    empty = sum(not solution.trajectories for solution in solutions)
    if empty:
        notes.append(f"answers without rollouts: {empty} of {len(solutions)}")
    for solution in solutions:
        problems.setdefault(solution.problem.id, solution.problem)
    return LoggedRun(
        path=path,
        settings=settings,
        problems=tuple(problems.values()),
        trajectories=trajectories,
        solutions=solutions,
        notes=tuple(notes),
    )


def latest_runs(folder: Path, count: int = 1) -> list[Path]:
    """Returns the run folders inside `folder` that were begun last, at most `count`, the oldest first."""
    begun = {path.parent: path.stat().st_mtime_ns for path in folder.glob(f"*/{SETTINGS_FILE}")}
    runs = [path for path in begun if (path / TRAJECTORIES_FILE).exists()]
    return sorted(runs, key=lambda path: (begun[path], path.name))[-count:]


def read_trajectories(folder: Path) -> Iterator[Trajectory]:
    """Reads the rollouts of a run folder, in the order they ended. Raises InputError."""
    _require_run_folder(folder)
    path = folder / TRAJECTORIES_FILE
    for line, row in json_rows(path, whole_lines(read_text(path, f"a run folder, with its {TRAJECTORIES_FILE}"))):
        where = f"{path}, line {line}"
        _check_row(row, where)
        try:
            yield trajectory_of(row)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{where}: is not a rollout of this program ({error!r})") from None


def read_answers(folder: Path) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    """Reads the number and the fields of each line in a run folder's answers.csv. Raises InputError."""
    _require_run_folder(folder)
    text = whole_lines(read_text(folder / ANSWERS_FILE, f"a run folder, with its {ANSWERS_FILE}"))
    yield from enumerate(csv.DictReader(text.splitlines()), start=2)


def trajectory_of(row: Mapping[str, Any]) -> Trajectory:
    """Returns the rollout that a row of trajectories.jsonl describes."""
    return Trajectory(
        problem_id=str(row["problem_id"]),
        run=int(row["run"]),
        rollout=int(row["rollout"]),
        seed=int(row["seed"]),
        prompt_tokens=int(row["prompt_tokens"]),
        turns=tuple(_turn(turn) for turn in row["turns"]),
        answer=None if row["answer"] is None else int(row["answer"]),
        stop_reason=StopReason(row["stop_reason"]),
        ended_itself=bool(row.get("ended_itself", row["stop_reason"] in _ENDED_ITSELF)),
        started_seconds=float(row["started_seconds"]),
        seconds=float(row["seconds"]),
        side_tokens=int(row.get("side_tokens", 0)),
        score=None if row.get("score") is None else float(row["score"]),
    )


def _require_run_folder(path: Path) -> None:
    if not path.is_dir():
        raise InputError(f"{path}: no such folder; {_EXAMPLE}")
    if not any((path / name).exists() for name in (SETTINGS_FILE, TRAJECTORIES_FILE)):
        latest = latest_runs(path)
        cure = f"the latest in it is {latest[0]}" if latest else _EXAMPLE
        raise InputError(f"{path}: is not a run folder; {cure}")


def _settings(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(read_text(path, f"a run folder, with its {SETTINGS_FILE}"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not a TOML file: {error}") from None


def _problems(path: Path, notes: list[str]) -> dict[str, Problem]:
    if not path.exists() or not path.stat().st_size:
        notes.append("the statements are not in the folder: an older version wrote it, or no problem was asked")
        return {}
    return {problem.id: problem for problem in load_problem_set(path, cut=True).problems}


def _check_row(row: Mapping[str, Any], where: str) -> None:
    version = row.get("version")
    if version != VERSION:
        raise InputError(f"{where}: version must be {VERSION}, got {version!r}; update this program, or that run")
    for name in _REQUIRED:
        if name not in row:
            raise InputError(f"{where}: has no {name!r}; is it a run folder of this program?")
    for name in _AMOUNTS:
        if not _is_amount(row[name]):
            raise InputError(f"{where}: {name} must be a number, 0 or more, got {row[name]!r}")
    if not isinstance(row["problem_id"], str):
        raise InputError(f"{where}: problem_id must be a string, got {row['problem_id']!r}")


def _is_amount(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


def _turn(row: Mapping[str, Any]) -> Turn:
    status, entropies, confidences = row.get("status"), row.get("entropies"), row.get("confidences")
    return Turn(
        text=str(row["text"]),
        tokens=int(row["tokens"]),
        seconds=float(row["seconds"]),
        code=row.get("code"),
        output=row.get("output"),
        status=None if status is None else ExecutionStatus(status),
        code_seconds=float(row.get("code_seconds", 0.0)),
        flush=bool(row.get("flush", False)),
        entropies=None if entropies is None else tuple(entropies),
        confidences=None if confidences is None else tuple(confidences),
    )


def _solutions(
    folder: Path, problems: Mapping[str, Problem], trajectories: tuple[Trajectory, ...]
) -> Iterator[Solution]:
    rollouts: dict[tuple[int, str], list[Trajectory]] = {}
    for trajectory in trajectories:
        rollouts.setdefault((trajectory.run, trajectory.problem_id), []).append(trajectory)
    seen: Counter[tuple[int, str]] = Counter()
    for line, row in read_answers(folder):
        where = f"{folder / ANSWERS_FILE}, line {line}"
        try:
            solution = _solution(row, problems, rollouts)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{where}: is not an answer of this program ({error!r})") from None
        key = solution.run, solution.problem.id
        seen[key] += 1
        if seen[key] > 1:
            raise InputError(f"{where}: {key[1]!r} is answered twice in run {key[0]}; remove one line")
        yield solution


def _solution(
    row: Mapping[str, str | None],
    problems: Mapping[str, Problem],
    rollouts: Mapping[tuple[int, str], list[Trajectory]],
) -> Solution:
    id, run = _text(row, "id"), int(_text(row, "run"))
    mine = sorted(rollouts.get((run, id), ()), key=lambda trajectory: trajectory.rollout)
    gold = row.get("gold")
    votes = [vote.split(":") for vote in (row.get("votes") or "").split()]
    tally = tuple((int(answer), float(weight)) for answer, weight in votes)
    # An older version did not write what was granted.
    granted = int(row.get("granted_rollouts") or len(mine))
    return Solution(
        problem=problems.get(id) or Problem(id, "", int(gold) if gold else None),
        run=run,
        answer=int(_text(row, "answer")),
        vote=Vote(tally[0][0] if tally else None, tally, int(_text(row, "answered"))),
        trajectories=tuple(mine),
        grant=Grant(float(row.get("granted_seconds") or 0.0), granted, granted),
        seconds=float(_text(row, "seconds")),
        stop=row.get("stop") or "",
        started_seconds=float(row.get("started_seconds") or 0.0),
        selection=_selection(row),
    )


def _selection(row: Mapping[str, str | None]) -> Selection | None:
    """Returns None where no selector looked at the vote, as in every run of an older version."""
    reason, answer = row.get("selection"), row.get("selected")
    if not reason:
        return None
    judged = [entry.split(":") for entry in (row.get("judged") or "").split()]
    return Selection(
        answer=int(answer) if answer else None,
        reason=SelectionReason(reason),
        judgings=int(_text(row, "judgings")),
        tokens=int(_text(row, "judging_tokens")),
        seconds=float(_text(row, "judging_seconds")),
        tally=tuple((int(answer), int(count)) for answer, count in judged),
    )


def _text(row: Mapping[str, str | None], name: str) -> str:
    value = row[name]
    if value is None:
        raise ValueError(f"no {name}")
    return value
