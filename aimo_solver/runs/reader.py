"""LoggedRun: a run folder read back, of a run that has ended, still goes on, or was killed.

Guarantees: read whole or refused in one sentence that names file, line and cure; a last line that a
kill cut short is left out; what is odd but harmless (no statements, a problem without rollouts) is
told in `notes`, and the rest is there.
"""

from __future__ import annotations

import csv
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from aimo_solver.errors import InputError
from aimo_solver.policies.policy import Grant
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import load_problem_set
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.files import json_rows, read_text
from aimo_solver.voting import Vote
from aimo_solver.voting.selection import Selection, SelectionReason

VERSION: Final = 1
"""Of the lines in trajectories.jsonl."""
_CUT_SHORT: Final = frozenset(
    {StopReason.CANCELLED, StopReason.ENGINE_FAILED, StopReason.SANDBOX_FAILED, StopReason.FAILED}
)
"""Rollouts that would have said something else in a run that was not stopped."""


@dataclass(frozen=True, slots=True)
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

    def to_resume(self) -> LoggedRun:
        """Without what a kill left of rollouts that had not come to their end."""
        answered = {(solution.run, solution.problem.id) for solution in self.solutions}
        whole = tuple(
            trajectory
            for trajectory in self.trajectories
            if (trajectory.run, trajectory.problem_id) in answered or trajectory.stop_reason not in _CUT_SHORT
        )
        return replace(self, trajectories=whole)

    def seconds_of(self, run: int) -> float:
        """Of one run's clock, up to its last answer."""
        return max((s.started_seconds + s.seconds for s in self.solutions if s.run == run), default=0.0)


def read_run(path: Path) -> LoggedRun:
    """Reads a run folder. Raises InputError."""
    if not path.is_dir():
        raise InputError(f"{path}: no such folder; give a run folder, such as runs/20260101-120000-demo")
    notes: list[str] = []
    settings = _settings(path / "settings.toml")
    trajectories = tuple(_trajectories(path / "trajectories.jsonl"))
    problems = _problems(path / "problems.jsonl", notes)
    solutions = tuple(_solutions(path / "answers.csv", problems, trajectories))
    empty = sum(not solution.trajectories for solution in solutions)
    if empty:
        notes.append(f"{empty} of {len(solutions)} answers have no rollouts")
    for solution in solutions:
        problems.setdefault(solution.problem.id, solution.problem)
    return LoggedRun(path, settings, tuple(problems.values()), trajectories, solutions, tuple(notes))


def _settings(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(read_text(path, "a run folder, with its settings.toml"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not a TOML file: {error}") from None


def _problems(path: Path, notes: list[str]) -> dict[str, Problem]:
    if not path.exists() or not path.stat().st_size:
        notes.append("the statements are not in the folder: it was written by an older version, or nothing was asked")
        return {}
    return {problem.id: problem for problem in load_problem_set(path, cut=True).problems}


def _trajectories(path: Path) -> Iterator[Trajectory]:
    for line, row in json_rows(path, whole_lines(read_text(path, "a run folder, with its trajectories.jsonl"))):
        where = f"{path}, line {line}"
        version = row.get("version")
        if version != VERSION:
            raise InputError(f"{where}: version must be {VERSION}, got {version!r}; update this program, or that run")
        try:
            yield trajectory_of(row)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{where}: is no rollout of this program ({error!r})") from None


def whole_lines(text: str) -> str:
    """Without a last line that a kill cut short."""
    return text[: text.rfind("\n") + 1]


def trajectory_of(row: Mapping[str, Any]) -> Trajectory:
    """A line of trajectories.jsonl as the rollout it tells of."""
    return Trajectory(
        problem_id=str(row["problem_id"]),
        run=int(row["run"]),
        rollout=int(row["rollout"]),
        seed=int(row["seed"]),
        prompt_tokens=int(row["prompt_tokens"]),
        turns=tuple(_turn(turn) for turn in row["turns"]),
        answer=None if row["answer"] is None else int(row["answer"]),
        stop_reason=StopReason(row["stop_reason"]),
        started_seconds=float(row["started_seconds"]),
        seconds=float(row["seconds"]),
        side_tokens=int(row.get("side_tokens", 0)),
        score=None if row.get("score") is None else float(row["score"]),
    )


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


def _solutions(path: Path, problems: Mapping[str, Problem], trajectories: tuple[Trajectory, ...]) -> Iterator[Solution]:
    rollouts: dict[tuple[int, str], list[Trajectory]] = {}
    for trajectory in trajectories:
        rollouts.setdefault((trajectory.run, trajectory.problem_id), []).append(trajectory)
    text = whole_lines(read_text(path, "a run folder, with its answers.csv"))
    seen: Counter[tuple[int, str]] = Counter()
    for line, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        try:
            solution = _solution(row, problems, rollouts)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}, line {line}: is no answer of this program ({error!r})") from None
        key = solution.run, solution.problem.id
        seen[key] += 1
        if seen[key] > 1:
            raise InputError(f"{path}, line {line}: {key[1]!r} is answered twice in run {key[0]}; remove one line")
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
    return Solution(
        problem=problems.get(id) or Problem(id, "", int(gold) if gold else None),
        run=run,
        answer=int(_text(row, "answer")),
        vote=Vote(tally[0][0] if tally else None, tally, int(_text(row, "answered"))),
        trajectories=tuple(mine),
        # An older version did not write what was granted.
        grant=Grant(
            float(row.get("granted_seconds") or 0.0),
            int(row.get("granted_rollouts") or len(mine)),
            int(row.get("granted_rollouts") or len(mine)),
        ),
        seconds=float(_text(row, "seconds")),
        stop=row.get("stop") or "",
        started_seconds=float(row.get("started_seconds") or 0.0),
        selection=_selection(row),
    )


def _selection(row: Mapping[str, str | None]) -> Selection | None:
    """None where nobody looked at the vote, as in every run of an older version."""
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
