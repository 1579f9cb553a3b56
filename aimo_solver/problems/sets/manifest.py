"""Manifest: what one public validation set is, so that two people replay the same problems.

`validation_sets/NAME.toml` says where the rows come from, which are taken, what is corrected, how
many there are, and the hash of their ids and answers. It holds no statements: a set is fetched, or
read from a local copy. A set whose rows have not been checked against its manifest yet says so
(`unverified`); its count and hash are then its publisher's, or unknown.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError

from aimo_solver.errors import InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.utils.paths import bundled

MANIFESTS: Final = bundled("validation_sets")
_STRICT: Final = ConfigDict(extra="forbid")


class Layout(StrEnum):
    """How the source's rows are read (rows.py)."""

    AOPS = "aops"
    """`problem`, `answer` and the `url` of the AoPS wiki page, which names the contest."""
    MATH = "math"
    """`problem`, `solution`, `level` and `unique_id`; the answer is the solution's last box."""
    PLAIN = "plain"
    """A column for the statement and one for the answer; rows without an integer answer are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A data set on the Hugging Face hub."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    dataset: str
    revision: str = "main"
    files: str = "**/*.parquet"
    """Glob of the files that hold the rows: .parquet, .jsonl, .json or .csv."""
    layout: Layout = Layout.PLAIN
    id: str | None = None
    """Column of the id; None means the row's number."""
    problem: str = "problem"
    answer: str = "answer"
    level: int | None = None
    """Only rows of this level are taken; None means all."""
    seen: bool = False
    """Whether files and columns have been inspected; otherwise they are as the publisher's page describes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A fault of the source that is corrected in the set."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    id: str
    ground: str
    answer: int | None = None
    """The right answer."""
    replace: str | None = None
    """A few wrong words of the statement."""
    by: str | None = None
    """The words that replace them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that is kept so that counts match, but should be left out of a strict score."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One validation set."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    title: str
    rule: str
    """Which rows are taken, in words."""
    licence: str
    redistribution: str
    """What must not be redistributed."""
    count: int | None = None
    sha256: str | None = None
    """Of the canonical rows (`canonical_hash`), corrections included."""
    unverified: str | None = None
    """Why the rows could not be checked against this manifest yet."""
    answer_rule: str = "any-integer"
    hub: Hub | None = None
    corrections: tuple[Correction, ...] = ()
    faulty: tuple[Fault, ...] = field(default=())


def manifests() -> dict[str, Manifest]:
    """Returns every manifest, by name."""
    return {path.stem: load_manifest(path.stem) for path in sorted(MANIFESTS.glob("*.toml"))}


def load_manifest(name: str) -> Manifest:
    """Returns the manifest of that name. Raises InputError that lists the known names."""
    path = MANIFESTS / f"{name}.toml"
    if not path.is_file():
        names = ", ".join(known.stem for known in sorted(MANIFESTS.glob("*.toml")))
        raise InputError(f"set must be one of {names}, got {name!r}")
    return read_manifest(path)


def read_manifest(path: Path) -> Manifest:
    """Reads a manifest. Raises InputError that names file and key."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return TypeAdapter(Manifest).validate_python({"name": path.stem} | values)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not a TOML file: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {key}: {first['msg']}, got {first['input']!r}") from error


def canonical_hash(problems: Sequence[Problem]) -> str:
    """Returns the SHA-256 of one line `["id", answer]` per problem, in the order of the ids.

    Statements do not count: copies differ in white space, and an id and its answer identify a problem.
    """
    rows = sorted((problem.id, problem.gold) for problem in problems)
    return hashlib.sha256("".join(f"{json.dumps(row)}\n" for row in rows).encode()).hexdigest()
