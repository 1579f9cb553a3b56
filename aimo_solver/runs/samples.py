"""Samples: the finished rollouts of run folders, as a pool or a speed table needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aimo_solver.errors import InputError
from aimo_solver.rollouts.trajectory import StopReason
from aimo_solver.runs.reader import ANSWERS_FILE, read_answers, read_trajectories

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


@dataclass(frozen=True, slots=True)
class LoggedProblem:
    """What runs logged about one problem, as a pool holds it."""

    id: str
    gold: int
    samples: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class LoggedStream:
    """When one rollout ran, in seconds since its problem was begun, and how many tokens it generated."""

    started_seconds: float
    ended_seconds: float
    tokens: int


def read_samples(folders: Sequence[Path]) -> list[LoggedProblem]:
    """Reads the finished rollouts of every problem with a gold answer, in the order of the runs.

    A rollout that was cancelled, or left without an answer by time, might have answered otherwise in
    the end: it is not a sample. Raises InputError.
    """
    _refuse_duplicates(folders)
    golds: dict[str, int] = {}
    samples: dict[str, list[dict[str, Any]]] = {}
    for folder in folders:
        for id, gold in _golds(folder).items():
            if golds.setdefault(id, gold) != gold:
                raise InputError(
                    f"{folder}: {id!r} has the gold {gold} here and {golds[id]} before; pool each set alone"
                )
        for trajectory in read_trajectories(folder):
            if trajectory.problem_id in golds and trajectory.stop_reason in SAMPLE_ENDS:
                sample = {"answer": trajectory.answer, "tokens": trajectory.tokens, "time_s": trajectory.seconds}
                samples.setdefault(trajectory.problem_id, []).append(sample)
    return [LoggedProblem(id, golds[id], tuple(logged)) for id, logged in samples.items()]


def count_cut(folders: Sequence[Path]) -> int:
    """Returns how many rollouts are not samples: they were cancelled, or ran out of time. Raises InputError."""
    return sum(
        trajectory.stop_reason not in SAMPLE_ENDS for folder in folders for trajectory in read_trajectories(folder)
    )


def read_streams(folders: Sequence[Path]) -> list[list[LoggedStream]]:
    """Reads all rollouts, those cut short included, grouped by problem and run. Raises InputError."""
    groups: dict[tuple[Path, str, int], list[LoggedStream]] = {}
    for folder in folders:
        for trajectory in read_trajectories(folder):
            started = trajectory.started_seconds
            stream = LoggedStream(started, started + trajectory.seconds, trajectory.tokens)
            groups.setdefault((folder, trajectory.problem_id, trajectory.run), []).append(stream)
    return list(groups.values())


def _golds(folder: Path) -> dict[str, int]:
    golds: dict[str, int] = {}
    for line, row in read_answers(folder):
        id, gold = row.get("id"), row.get("gold")
        try:
            if id and gold:
                golds[id] = int(gold)
        except ValueError:
            raise InputError(f"{folder / ANSWERS_FILE}, line {line}: gold must be an integer, got {gold!r}") from None
    return golds


def _refuse_duplicates(folders: Sequence[Path]) -> None:
    places = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, places, strict=True):
        if places.count(place) > 1:
            raise InputError(f"{folder}: is named twice; name each run once")
