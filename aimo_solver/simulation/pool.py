"""Pools: logged samples of real rollouts, from which contests are simulated.

JSON lines `{"id", "gold", "samples": [{"answer", "tokens", "time_s"?, ...}]}`, one problem per line.
Guarantees: a file is read whole or refused in one sentence that names the file, the line and the
cure; `notes` says in words what was left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeGuard

from aimo_solver.errors import InputError
from aimo_solver.problems.problem import AnswerRule
from aimo_solver.utils.files import json_rows, read_text

MAX_AMOUNT: Final = 1e9
"""Limit for the tokens, characters or seconds of one sample."""
CHARS_PER_TOKEN: Final = 4
"""For samples without a token count."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One logged rollout."""

    answer: int | None
    tokens: int


@dataclass(frozen=True, slots=True)
class PoolProblem:
    """One problem's samples."""

    id: str
    gold: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """The problems of one file."""

    name: str
    problems: tuple[PoolProblem, ...]
    notes: tuple[str, ...] = ()
    """What was left out or estimated, in words."""

    @property
    def rollout_tokens(self) -> float:
        """Mean length of a rollout, in tokens."""
        lengths = [sample.tokens for problem in self.problems for sample in problem.samples]
        return sum(lengths) / len(lengths)


class _Reader:
    """Reads rows, and counts what it leaves out or estimates."""

    def __init__(self, path: Path, rule: AnswerRule) -> None:
        self._path, self._rule = path, rule
        self.golds_outside = self.estimated_lengths = self.unknown_lengths = self.later_rounds = self.unreadable = 0

    def problem(self, line: int, row: Mapping[str, Any]) -> PoolProblem | None:
        """Returns None when the gold answer is outside the rule, or no sample can be used."""
        where = f"{self._path}, line {line}"
        if not isinstance(row.get("id"), str) or not row["id"]:
            raise InputError(f"{where}: id must be a non-empty string, got {row.get('id')!r}")
        logged = row.get("samples")
        if not _is_list(logged) or not logged:
            raise InputError(f"{where}: samples must be a list of logged rollouts; without them it is not a pool")
        gold = _integer(row.get("gold"))
        if gold is None:
            raise InputError(f"{where}: gold must be an integer, got {row.get('gold')!r}")
        if self._rule.apply(gold) != gold:
            self.golds_outside += 1
            return None
        first_round = [sample for sample in logged if not _is_object(sample) or sample.get("round", 1) == 1]
        self.later_rounds += len(logged) - len(first_round)
        read = [self._sample(f"{where}, sample {n}", sample) for n, sample in enumerate(first_round, start=1)]
        samples = tuple(sample for sample in read if sample is not None)
        return PoolProblem(row["id"], gold, samples) if samples else None

    def _sample(self, where: str, sample: object) -> Sample | None:
        """Returns None when its length is not known."""
        if not _is_object(sample) or "answer" not in sample:
            raise InputError(f"{where}: must have an answer (null for none), got {sample!r:.80}")
        time_s = sample.get("time_s")
        if time_s is not None and not _is_amount(time_s):
            raise InputError(f"{where}: time_s must be 0 or more, got {time_s!r}")
        tokens, chars = sample.get("tokens"), sample.get("chars")
        if tokens is None and _is_amount(chars):
            self.estimated_lengths += 1
            tokens = int(chars) // CHARS_PER_TOKEN
        if tokens is None and chars is None and "tokens" in sample:
            self.unknown_lengths += 1
            return None
        if not _is_amount(tokens):
            raise InputError(f"{where}: tokens must be 0 or more, or null if they were not counted, got {tokens!r}")
        value = _integer(sample["answer"])
        self.unreadable += value is None and sample["answer"] is not None
        return Sample(None if value is None else self._rule.apply(value), int(tokens))

    def notes(self) -> tuple[str, ...]:
        counts = (
            (self.golds_outside, f"problems left out: their gold answers are outside the rule {self._rule.name}"),
            (self.estimated_lengths, f"samples without a token count: taken as characters / {CHARS_PER_TOKEN}"),
            (self.unknown_lengths, "samples left out: their length is not known"),
            (self.unreadable, "samples whose answers are not integers: they cast no vote"),
            (self.later_rounds, "samples of later rounds left out: whether they exist depends on the first vote"),
        )
        return tuple(f"{count} {text}" for count, text in counts if count)


def load_pool(path: Path, rule: AnswerRule) -> Pool:
    """Reads a pool from a file, its answers by `rule`. Raises InputError."""
    reader, problems = _Reader(path, rule), dict[str, PoolProblem]()
    for line, row in json_rows(path, read_text(path, "a pool, a .jsonl file of logged samples")):
        problem = reader.problem(line, row)
        if problem is None:
            continue
        if problem.id in problems:
            raise InputError(f"{path}, line {line}: id {problem.id!r} is used twice; give every problem its own id")
        problems[problem.id] = problem
    if not problems:
        raise InputError(
            f"{path}: holds no problem with a usable sample whose gold answer is inside the rule {rule.name}"
        )
    return Pool(path.stem, tuple(problems.values()), reader.notes())


def pool_row(id: str, gold: int, samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One line of a pool file."""
    return {"id": id, "gold": str(gold), "samples": list(samples)}


def _integer(value: object) -> int | None:
    """The value as an integer, or None if it is not one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():  # pandas writes 42.0 where a column has gaps.
        return int(value)
    try:
        return int(str(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _is_object(value: object) -> TypeGuard[Mapping[str, object]]:
    """Whether this is a JSON object: its keys are strings."""
    return isinstance(value, dict)


def _is_amount(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_AMOUNT
