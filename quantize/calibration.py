"""Calibration sets that look like the work: whole rollouts, in the checkpoint's own tokens.

Chosen as s1K was (arXiv 2501.19393, section 2.2): quality (the answer is right and the model came
to its own end), difficulty (no problem that every rollout solved, while there are others), and
diversity (a family drawn uniformly, within it long rollouts first, weight 2^-rank). Seeded.

Guarantees: no problem of a set that is to judge the checkpoint is in it, by its text.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.prompt import encode_prompt
from aimo_solver.engine.base import Tokenizer
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.trajectory import StopReason, Trajectory
from aimo_solver.runs.reader import LoggedRun

LEAST_ROWS = 16
"""Fewer rows say nothing about a layer's inputs."""


@dataclass(frozen=True, slots=True)
class Row:
    """A rollout to calibrate on."""

    problem: Problem
    trajectory: Trajectory
    prefill: str = ""
    """The first words it was given."""


def choose_rows(runs: Sequence[LoggedRun], count: int, seed: int, judged: Collection[str] = ()) -> list[Row]:
    """At most `count` rollouts. `judged`: statements that will judge the checkpoint. Raises InputError."""
    unseen = {_normal(text) for text in judged}
    rows = [row for row in _right_rows(runs) if _normal(row.problem.text) not in unseen]
    easy = _always_solved(runs)
    hard = [row for row in rows if row.problem.id not in easy]
    rows = hard if len(hard) >= count else hard + [row for row in rows if row.problem.id in easy]
    if len(rows) < LEAST_ROWS:
        raise InputError(
            f"calibration needs at least {LEAST_ROWS} right rollouts of problems that judge nothing, got {len(rows)}; "
            "replay a larger set"
        )
    return _diverse(rows, count, random.Random(seed))


def _right_rows(runs: Sequence[LoggedRun]) -> Iterable[Row]:
    for run in runs:
        for solution in run.solutions:
            for trajectory in solution.trajectories:
                right = trajectory.answer is not None and trajectory.answer == solution.problem.gold
                if right and trajectory.stop_reason is StopReason.ANSWERED and solution.problem.text:
                    yield Row(solution.problem, trajectory, _prefill(run))


def _prefill(run: LoggedRun) -> str:
    return str(run.settings.get("preset", {}).get("rollout", {}).get("prefill", ""))


def _always_solved(runs: Sequence[LoggedRun]) -> set[str]:
    tries: dict[str, list[bool]] = {}
    for run in runs:
        for solution in run.solutions:
            for trajectory in solution.trajectories:
                if trajectory.stop_reason is not StopReason.CANCELLED:
                    right = trajectory.answer == solution.problem.gold
                    tries.setdefault(solution.problem.id, []).append(right)
    return {id for id, outcomes in tries.items() if all(outcomes)}


def _diverse(rows: Sequence[Row], count: int, draw: random.Random) -> list[Row]:
    """A family by lot, then one of its rollouts, the longer the likelier; without replacement."""
    families: dict[str, list[Row]] = {}
    for row in rows:
        families.setdefault(row.problem.family, []).append(row)
    for mine in families.values():
        mine.sort(key=lambda row: -row.trajectory.tokens)
    chosen: list[Row] = []
    while families and len(chosen) < count:
        family = draw.choice(sorted(families))
        mine = families[family]
        weights = [2.0 ** -min(rank, 1000) for rank in range(len(mine))]
        chosen.append(mine.pop(draw.choices(range(len(mine)), weights)[0]))
        if not mine:
            del families[family]
    return chosen


def row_ids(row: Row, dialect: Dialect, tokenizer: Tokenizer) -> list[int]:
    """Prompt and turns with the outputs between them, as the model saw and wrote them."""
    ids = encode_prompt(dialect, row.problem.text, tokenizer, row.prefill)
    for turn in row.trajectory.turns:
        ids += tokenizer.encode(turn.text)
        if turn.output is not None:
            ids += tokenizer.encode(dialect.render_output(turn.output))
    return ids


def _normal(text: str) -> str:
    """White space and case make no other problem."""
    return " ".join(text.lower().split())
