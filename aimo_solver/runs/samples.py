"""Run logs: what the rollouts of finished or killed runs left in their folders, read back.

Guarantees: a folder is read whole or refused in one sentence that names file, line and cure; a
last line that a kill cut short is left out.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aimo_solver.errors import InputError
from aimo_solver.rollouts.trajectory import StopReason
from aimo_solver.utils.files import json_rows, read_text

SAMPLE_ENDS: Final = frozenset(
    {
        StopReason.ANSWERED,
        StopReason.NO_ANSWER,
        StopReason.TOKEN_LIMIT,
        StopReason.ROUND_LIMIT,
        StopReason.FLUSHED,
    }
)
"""How a rollout ends that is a sample of its model."""
_NEEDED: Final = ("problem_id", "run", "stop_reason", "started_seconds", "seconds", "tokens", "answer")
_NUMBERS: Final = ("started_seconds", "seconds", "tokens")


@dataclass(frozen=True, slots=True)
class LoggedProblem:
    """What runs logged of one problem, as a pool holds it."""

    id: str
    gold: int
    samples: tuple[dict[str, Any], ...]


def read_samples(folders: Sequence[Path]) -> list[LoggedProblem]:
    """The finished rollouts of every problem with a gold answer, in the order of the runs.

    A rollout that was cancelled, or left without an answer by time, would have said something else
    in the end: it is no sample. Raises InputError.
    """
    _refuse_twice(folders)
    golds: dict[str, int] = {}
    samples: dict[str, list[dict[str, Any]]] = {}
    for folder in folders:
        for id, gold in _golds(folder).items():
            if golds.setdefault(id, gold) != gold:
                raise InputError(
                    f"{folder}: {id!r} has the gold {gold} here and {golds[id]} before; pool each set alone"
                )
        for row in _rollouts(folder):
            if row["problem_id"] in golds and row["stop_reason"] in SAMPLE_ENDS:
                sample = {"answer": row["answer"], "tokens": row["tokens"], "time_s": row["seconds"]}
                samples.setdefault(row["problem_id"], []).append(sample)
    return [LoggedProblem(id, golds[id], tuple(logged)) for id, logged in samples.items()]


def count_cut(folders: Sequence[Path]) -> int:
    """Rollouts that are no samples, because they were cancelled or ran out of time. Raises InputError."""
    return sum(row["stop_reason"] not in SAMPLE_ENDS for folder in folders for row in _rollouts(folder))


@dataclass(frozen=True, slots=True)
class LoggedStream:
    """When one rollout ran, in seconds since its problem was begun, and what it made."""

    started_seconds: float
    ended_seconds: float
    tokens: int


def read_streams(folders: Sequence[Path]) -> list[list[LoggedStream]]:
    """All rollouts that ran side by side, problem by problem, those cut short included. Raises InputError."""
    groups: dict[tuple[Path, str, int], list[LoggedStream]] = {}
    for folder in folders:
        for row in _rollouts(folder):
            started = row["started_seconds"]
            stream = LoggedStream(started, started + row["seconds"], row["tokens"])
            groups.setdefault((folder, row["problem_id"], row["run"]), []).append(stream)
    return list(groups.values())


def _rollouts(folder: Path) -> Iterator[Mapping[str, Any]]:
    path = folder / "trajectories.jsonl"
    text = read_text(path, "a run folder, with its trajectories.jsonl")
    whole = text[: text.rfind("\n") + 1]  # A kill may have cut the last line.
    for line, row in json_rows(path, whole):
        missing = [name for name in _NEEDED if name not in row]
        if missing:
            raise InputError(f"{path}, line {line}: has no {missing[0]!r}; is it a run folder of this program?")
        wrong = [name for name in _NUMBERS if not _is_amount(row[name])]
        if wrong:
            raise InputError(f"{path}, line {line}: {wrong[0]} must be a number, 0 or more, got {row[wrong[0]]!r}")
        if not isinstance(row["problem_id"], str):
            raise InputError(f"{path}, line {line}: problem_id must be a text, got {row['problem_id']!r}")
        yield row


def _golds(folder: Path) -> dict[str, int]:
    path = folder / "answers.csv"
    text = read_text(path, "a run folder, with its answers.csv")
    rows = csv.DictReader(text[: text.rfind("\n") + 1].splitlines())
    try:
        return {row["id"]: int(row["gold"]) for row in rows if row.get("id") and row.get("gold")}
    except ValueError as error:
        raise InputError(f"{path}: gold must be an integer ({error}); is it a run folder of this program?") from None


def _refuse_twice(folders: Sequence[Path]) -> None:
    places = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, places, strict=True):
        if places.count(place) > 1:
            raise InputError(f"{folder}: is named twice; name each run once")


def _is_amount(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf
