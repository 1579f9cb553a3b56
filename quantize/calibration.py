"""Calibration sets that resemble real use: whole rollouts, in the checkpoint's own tokens.

A base model hardly solves problems. Its plain text serves instead: its rollouts, right or wrong, then the
problems' own texts.

Chosen as s1K was (arXiv 2501.19393, section 2.2) for quality (the answer is right and the model
stopped by itself), difficulty (problems that every rollout solved are used only when the others run
out) and diversity (a family is drawn uniformly, then one of its rollouts with weight 2^-rank, the
longest first). Seeded.

Guarantees: the text of a problem that will be used to judge the checkpoint never appears in the set.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.prompt import Prompt, encode_prompt, opened_thought, recorded_prompt
from aimo_solver.engine.base import Tokenizer
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.trajectory import StopReason, Trajectory
from aimo_solver.runs.reader import LoggedRun
from aimo_solver.utils.text import plural

MIN_ROWS = 16
"""Fewer rows say nothing about a layer's inputs."""


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """A rollout to calibrate on, or a problem's text."""

    problem: Problem
    trajectory: Trajectory | None
    """None means the problem's text alone, without a prompt around it."""
    prefill: str = ""
    """The text that the rollout was made to begin with."""
    prompt: Prompt = field(default_factory=Prompt)
    """The texts around the problem."""


def choose_rows(
    runs: Sequence[LoggedRun], count: int, *, seed: int, judged: Collection[str] = ()
) -> list[CalibrationRow]:
    """Chooses at most `count` rollouts. Raises InputError when there are too few.

    `judged`: statements of the problems that will be used to judge the checkpoint.
    """
    unseen = {_normalised(text) for text in judged}
    rows = [row for row in _right_rows(runs) if _normalised(row.problem.text) not in unseen]
    easy = _always_solved(runs)
    hard = [row for row in rows if row.problem.id not in easy]
    rows = hard if len(hard) >= count else hard + [row for row in rows if row.problem.id in easy]
    if len(rows) < MIN_ROWS:
        raise InputError(
            f"calibration needs at least {MIN_ROWS} right rollouts of problems outside the --judged-by sets, "
            f"got {len(rows)}; replay a larger set, or calibrate a base model with --plain-text"
        )
    return _diverse(rows, count, random.Random(seed))


def choose_plain_rows(
    runs: Sequence[LoggedRun], count: int, *, seed: int, judged: Collection[str] = ()
) -> list[CalibrationRow]:
    """Chooses at most `count` rollouts, right or wrong, and problems' texts where there are too few.

    Raises InputError when both together are too few. `judged` as in `choose_rows`.
    """
    unseen = {_normalised(text) for text in judged}
    written = [row for row in _written_rows(runs) if _normalised(row.problem.text) not in unseen]
    rows = _diverse(written, count, random.Random(seed))
    if len(rows) < MIN_ROWS:
        texts = {problem.text: problem for run in runs for problem in run.problems if problem.text}
        rows += [CalibrationRow(one, None) for text, one in texts.items() if _normalised(text) not in unseen]
        rows = rows[:count]
    if len(rows) < min(MIN_ROWS, count):
        raise InputError(
            f"calibration needs at least {MIN_ROWS} rollouts or problems outside the --judged-by sets, "
            f"got {len(rows)}; replay a larger set"
        )
    return rows


def describe_rows(rows: Sequence[CalibrationRow]) -> str:
    """Returns in words what a checkpoint is calibrated on."""
    written = [row for row in rows if row.trajectory is not None]
    right = sum(1 for row in written if row.trajectory is not None and row.trajectory.answer == row.problem.gold)
    texts = len(rows) - len(written)
    words = [f"{plural(len(written), 'rollout')}, {right} of them right"] if written else []
    return " and ".join([*words, *([plural(texts, "problem text")] if texts else [])])


def _right_rows(runs: Sequence[LoggedRun]) -> Iterable[CalibrationRow]:
    for run in runs:
        for solution in run.solutions:
            for trajectory in solution.trajectories:
                right = trajectory.answer is not None and trajectory.answer == solution.problem.gold
                if right and trajectory.stop_reason is StopReason.ANSWERED and solution.problem.text:
                    yield CalibrationRow(solution.problem, trajectory, _prefill(run), _prompt(run))


def _written_rows(runs: Sequence[LoggedRun]) -> Iterable[CalibrationRow]:
    for run in runs:
        for solution in run.solutions:
            for trajectory in solution.trajectories:
                if solution.problem.text and any(turn.text for turn in trajectory.turns):
                    yield CalibrationRow(solution.problem, trajectory, _prefill(run), _prompt(run))


def _prompt(run: LoggedRun) -> Prompt:
    """Returns the run's prompt; the bare problem for a run of a version that kept none."""
    return recorded_prompt(run.settings, run.path) or Prompt()


def _prefill(run: LoggedRun) -> str:
    return str(run.settings.get("preset", {}).get("rollout", {}).get("prefill", ""))


def _always_solved(runs: Sequence[LoggedRun]) -> set[str]:
    outcomes: dict[str, list[bool]] = {}
    for run in runs:
        for solution in run.solutions:
            for trajectory in solution.trajectories:
                if trajectory.stop_reason is not StopReason.CANCELLED:
                    right = trajectory.answer == solution.problem.gold
                    outcomes.setdefault(solution.problem.id, []).append(right)
    return {id for id, solved in outcomes.items() if all(solved)}


def _diverse(rows: Sequence[CalibrationRow], count: int, draw: random.Random) -> list[CalibrationRow]:
    """Draws without replacement: a family uniformly, then one of its rollouts, long ones more likely."""
    families: dict[str, list[CalibrationRow]] = {}
    for row in rows:
        families.setdefault(row.problem.family, []).append(row)
    for members in families.values():
        members.sort(key=lambda row: 0 if row.trajectory is None else -row.trajectory.tokens)
    chosen: list[CalibrationRow] = []
    while families and len(chosen) < count:
        family = draw.choice(sorted(families))
        members = families[family]
        weights = [2.0 ** -min(rank, 1000) for rank in range(len(members))]
        chosen.append(members.pop(draw.choices(range(len(members)), weights)[0]))
        if not members:
            del families[family]
    return chosen


def row_ids(row: CalibrationRow, dialect: Dialect, tokenizer: Tokenizer) -> list[int]:
    """Returns the token ids of the prompt and the turns, with the code's outputs between them; or of the text."""
    if row.trajectory is None:
        return tokenizer.encode(row.problem.text)
    ids = encode_prompt(dialect, row.problem.text, tokenizer, prompt=row.prompt, prefill=row.prefill)
    opened = opened_thought(ids, tokenizer)
    for turn in row.trajectory.turns:
        ids += tokenizer.encode(turn.text)
        if turn.output is not None:
            ids += tokenizer.encode(dialect.render_output(turn.output, opened))
    return ids


def _normalised(text: str) -> str:
    """Problems that differ only in white space or case count as the same."""
    return " ".join(text.lower().split())
