"""docs/replay.md documents every field of a run folder's files, and none that is not there."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import pytest

from aimo_solver.app.run import RunOutcome
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import problem_row
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.runs.writer import ANSWER_FIELDS, RunFolder, trajectory_row
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.utils.paths import PROJECT
from aimo_solver.voting.selection import SelectionReason
from tests.helpers.examples import solution, trajectory

DOCUMENT = (PROJECT / "docs" / "replay.md").read_text(encoding="utf-8")
FULL_TURN = Turn(
    text="text",
    tokens=1,
    seconds=1.0,
    code="1",
    output="1",
    status=ExecutionStatus.OK,
    code_seconds=1.0,
    flush=True,
    entropies=(0.5,),
    confidences=(0.5,),
)


def table(heading: str) -> dict[str, str]:
    """The fields of the table that follows a sentence, each with its description."""
    lines = DOCUMENT[DOCUMENT.index(f"\n{heading}") :].split("\n\n")[1].splitlines()
    assert lines[:2] == ["| field | content |", "|---|---|"]
    rows = [line.strip("| ").split(" | ") for line in lines[2:]]
    return {name: content for names, content in rows for name in re.findall(r"`(\w+)`", names)}


def full_trajectory() -> Trajectory:
    return replace(trajectory(42, turns=(FULL_TURN,)), score=0.5)


def test_the_fields_of_a_rollout() -> None:
    assert set(trajectory_row(full_trajectory())) == set(table("`trajectories.jsonl`, version 1"))


def test_the_fields_of_a_turn() -> None:
    (turn,) = trajectory_row(full_trajectory())["turns"]
    assert set(turn) == set(table("Each turn"))


def test_the_fields_of_an_answer() -> None:
    documented = table("`answers.csv`:")
    assert set(ANSWER_FIELDS) == set(documented)


def test_the_fields_of_a_summary(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", {}) as folder:
        folder.finish(RunOutcome(folder.path, (solution([trajectory(42)]),), ()).to_json())
    assert set(json.loads((tmp_path / "run/summary.json").read_text())) == set(table("`summary.json`;"))


def test_the_fields_of_a_problem() -> None:
    (row,) = re.findall(r"^\| `problems.jsonl` \| .*: `([\w, ]+)` \|$", DOCUMENT, re.M)
    assert row.split(", ") == list(problem_row(Problem("a", "?", 1, source="source", level=1, set="set")))


@pytest.mark.parametrize(
    ("heading", "field", "members"),
    [
        ("`trajectories.jsonl`, version 1", "stop_reason", StopReason),
        ("Each turn", "status", ExecutionStatus),
        ("`answers.csv`:", "selection", SelectionReason),
    ],
)
def test_the_values_of_a_field_with_few(heading: str, field: str, members: type[StrEnum]) -> None:
    found = set(re.findall(r"`(\w+)`", table(heading)[field]))
    assert found == {str(member) for member in members}
