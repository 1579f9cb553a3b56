"""Problem sets: JSON lines or CSV files of problems.

Guarantees: a file is read whole or refused in one sentence that names file, line and cure; the
order is the file's. Gold answers outside the answer rule are kept and counted, not refused: real
sets have some.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aimo_solver.errors import InputError
from aimo_solver.problems.problem import AnswerRule, Problem
from aimo_solver.utils.files import json_rows, read_text, whole_lines

COLUMNS = "id, problem and perhaps answer, source, level"


@dataclass(frozen=True, slots=True)
class ProblemSet:
    """The problems of one file."""

    name: str
    problems: tuple[Problem, ...]

    def golds_outside(self, rule: AnswerRule) -> int:
        """Returns how many gold answers the rule would not accept as they are."""
        return sum(p.gold is not None and rule.apply(p.gold) != p.gold for p in self.problems)


def load_problem_set(path: Path, *, cut: bool = False) -> ProblemSet:
    """Reads a .jsonl or .csv file with the columns id, problem and perhaps answer, source, level.

    With `cut` a last line that a kill cut short is left out. Raises InputError.
    """
    text = read_text(path, "a .jsonl or .csv file of problems")
    if cut:
        text = whole_lines(text)
    rows = _csv_rows(path, text) if path.suffix.lower() == ".csv" else json_rows(path, text)
    problems: dict[str, Problem] = {}
    for line, row in rows:
        problem = _problem(path, line, row)
        if problem.id in problems:
            raise InputError(f"{path}, line {line}: id {problem.id!r} is used twice; give every problem its own id")
        problems[problem.id] = problem
    if not problems:
        raise InputError(f"{path}: holds no problems; expected one JSON object per line, or a CSV with a header")
    return ProblemSet(path.stem, tuple(problems.values()))


def join_sets(sets: Sequence[ProblemSet]) -> ProblemSet:
    """Returns all of them as one set, each problem with its set's name. Raises InputError where two use the same id."""
    home: dict[str, str] = {}
    for problem_set in sets:
        for problem in problem_set.problems:
            if problem.id in home:
                raise InputError(
                    f"id {problem.id!r} is in {home[problem.id]} and in {problem_set.name}; replay them one by one"
                )
            home[problem.id] = problem_set.name
    problems = tuple(replace(problem, set=problem.set or s.name) for s in sets for problem in s.problems)
    return ProblemSet("+".join(s.name for s in sets), problems)


def problem_row(problem: Problem) -> dict[str, Any]:
    """Returns the problem as a row of a problem file; what it lacks is left out."""
    row = {
        "id": problem.id,
        "problem": problem.text,
        "answer": problem.gold,
        "source": problem.source,
        "level": problem.level,
        "set": problem.set,
    }
    return {name: value for name, value in row.items() if value is not None}


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # Statements hold quotes and newlines, and are longer than csv's default field limit allows.
    csv.field_size_limit(2**30)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = reader.fieldnames or ()
        if columns and not {"id", "problem"} <= set(columns):
            raise InputError(f"{path}, line 1: has the columns {', '.join(columns)}; expected {COLUMNS}")
        for row in reader:
            if None in row:
                raise InputError(f"{path}, line {reader.line_num}: has more fields than the header")
            yield reader.line_num, {key: value for key, value in row.items() if value not in (None, "")}
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not CSV ({error})") from None


def _problem(path: Path, line: int, row: Mapping[str, Any]) -> Problem:
    where = f"{path}, line {line}"
    identifier, text = row.get("id"), row.get("problem")
    if isinstance(identifier, int) and not isinstance(identifier, bool):
        identifier = str(identifier)
    if not isinstance(identifier, str) or not identifier:
        raise InputError(f"{where}: id must be a non-empty string, got {identifier!r}")
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{where}: problem must be a non-empty string, got {text!r}")
    if any("\ud800" <= char <= "\udfff" for char in identifier + text):
        raise InputError(f"{where}: holds half a character (a lone UTF-16 surrogate); write the whole character")
    source, set_name = row.get("source"), row.get("set")
    return Problem(
        id=identifier,
        text=text,
        gold=_integer(where, "answer", row.get("answer")),
        source=None if source is None else str(source),
        level=_integer(where, "level", row.get("level")),
        set=None if set_name is None else str(set_name),
    )


def _integer(where: str, name: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return int(value.replace("_", "x"))
        except ValueError:
            raise InputError(f"{where}: {name} must be an integer, got {value!r}") from None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise InputError(f"{where}: {name} must be an integer, got {value!r}")
