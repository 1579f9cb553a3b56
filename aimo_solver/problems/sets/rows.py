"""Rows: a source's rows as problems, by the layout that its manifest names, with the corrections.

Guarantees: pure; a row that lacks what its layout needs is refused in one sentence that names it. A gold
answer that is not written as an integer (`\\frac{24}{2}`) is evaluated as models' answers are, and checked
against math-verify where that is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aimo_solver.errors import InputError
from aimo_solver.problems.answers import last_boxed, parse_integer
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.sets.manifest import Correction, Hub, Layout, Manifest

_WIKI_PAGE = re.compile(r"/(?P<year>\d{4})_(?P<exam>AIME_I{1,2}|AMC_12[AB])_Problems/Problem_(?P<number>\d+)$")
_MATH_FILE = re.compile(r"test/(?P<subject>\w+)/(?P<number>\d+)\.json")


def to_problems(manifest: Manifest, rows: Iterable[Mapping[str, Any]]) -> list[Problem]:
    """Returns the set's problems from its source's rows, corrected. Raises InputError."""
    hub = manifest.hub
    if hub is None:
        raise InputError(f"{manifest.name}: its manifest names no source; give a local copy with --from")
    read = {Layout.AOPS: _aops, Layout.MATH: _math, Layout.PLAIN: _plain}[hub.layout]
    problems: list[Problem] = []
    for number, row in enumerate(rows, start=1):
        try:
            problems.extend(read(manifest.name, hub, number, row))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{manifest.name}, row {number} of the source: {error!r}; has it changed?") from None
    return correct(problems, manifest.corrections)


def correct(problems: Sequence[Problem], corrections: Sequence[Correction]) -> list[Problem]:
    """Returns the corrected problems; correcting them again changes nothing."""
    by_id = {correction.id: correction for correction in corrections}
    return [_corrected(problem, by_id.get(problem.id)) for problem in problems]


def _corrected(problem: Problem, correction: Correction | None) -> Problem:
    if correction is None:
        return problem
    if correction.answer is not None:
        problem = replace(problem, gold=correction.answer)
    if correction.replace is not None:
        problem = replace(problem, text=problem.text.replace(correction.replace, correction.by or ""))
    return problem


def _aops(name: str, hub: Hub, number: int, row: Mapping[str, Any]) -> Iterator[Problem]:
    page = _WIKI_PAGE.search(row["url"])
    if page is None:
        raise ValueError(f"url {row['url']!r}")
    contest, exam = page["exam"].split("_")
    if contest == "AIME":
        id, source = f"aime_{page['year']}_{exam}", f"AIME {exam} {page['year']}"
    else:
        id, source = f"amc12_{page['year']}_{exam[-1]}", f"AMC {exam} {page['year']}"
    id, source = f"{id}_{page['number']}", f"{source}, Problem {page['number']}"
    yield Problem(id, row["problem"].strip(), _whole(row["answer"]), source=source)


def _math(name: str, hub: Hub, number: int, row: Mapping[str, Any]) -> Iterator[Problem]:
    """Takes rows whose last box Python's `int` can read, which gives Numina's 754 and 721 problems."""
    file = _MATH_FILE.fullmatch(row["unique_id"])
    level = int(str(row["level"]).removeprefix("Level "))
    if file is None or level != hub.level:
        return
    box = last_boxed(row["solution"])
    try:
        gold = int(box or "")
    except ValueError:
        return
    subject = file["subject"].replace("_", " ").title().replace(" And ", " & ")
    source = f"MATH test, {file['subject']}/{file['number']}.json ({subject})"
    yield Problem(
        f"math_test_{file['subject']}_{file['number']}", row["problem"].strip(), gold, source=source, level=level
    )


def _plain(name: str, hub: Hub, number: int, row: Mapping[str, Any]) -> Iterator[Problem]:
    text, answer = row[hub.problem], row[hub.answer]
    gold = gold_integer(answer)
    if gold is None:
        return
    id = f"{name}_{number}" if hub.id is None else f"{name}_{row[hub.id]}"
    yield Problem(id, str(text).strip(), gold, source=name)


def _whole(answer: object) -> int:
    value = float(str(answer))
    if not value.is_integer():
        raise ValueError(f"answer {answer!r}")
    return int(value)


def gold_integer(answer: object) -> int | None:
    """Returns the integer that a gold answer stands for, or None. Raises ValueError where math-verify disagrees."""
    text = str(answer).strip().strip("$")
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    value = parse_integer(text)
    if value is not None and not _math_verify_agrees(text, value):
        raise ValueError(f"answer {answer!r}: read as {value}, but math-verify disagrees")
    return value


def _math_verify_agrees(text: str, value: int) -> bool:
    try:
        import math_verify  # pyright: ignore[reportMissingTypeStubs]  # there are none
    except ImportError:  # Votes never need it, so a machine that only replays may lack it.
        return True
    # Its timeouts are off, because they use signals, which only main threads receive; golds are short.
    parse: Any = math_verify.parse
    gold, integer = (parse(f"${latex}$", parsing_timeout=None) for latex in (text, value))
    return bool(math_verify.verify(gold, integer, timeout_seconds=None))
