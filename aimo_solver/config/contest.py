"""Contests: what each accepts as an answer, its limits, and how it asks. contests/ holds the shipped ones.

A contest is one TOML file, read as strictly as the other settings are. Source of the shipped files: the
competitions' pages and their `kaggle_evaluation` packages, which are part of each competition's input
folder and are not ours to ship.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from aimo_solver.config.fields import KNOWN_KEYS_ONLY, Positive, PositiveInt
from aimo_solver.config.settings import load_settings
from aimo_solver.config.shipped import CONTESTS, find_shipped
from aimo_solver.errors import InputError

Integer = Annotated[int, Field(strict=True)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
FileName = Annotated[str, Field(pattern=r"^[\w.-]+\.(csv|parquet)$")]
ModuleName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSettings:
    """Which integers count as an answer; problems/problem.py applies them."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY

    minimum: Integer | None = None
    maximum: Integer | None = None
    modulus: PositiveInt | None = None
    """What larger values are reduced by; None means that they are no answer."""
    fallback: Integer = 0
    """The answer that is given when no rollout answers."""

    def __post_init__(self) -> None:
        lowest = -math.inf if self.minimum is None else self.minimum
        highest = math.inf if self.maximum is None else self.maximum
        if not lowest <= highest:
            raise InputError(f"minimum must be at most maximum ({self.maximum}), got {self.minimum!r}")
        if not lowest <= self.fallback <= highest:
            raise InputError(f"fallback must be an answer, from {lowest} to {highest}, got {self.fallback!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IteratorSettings:
    """A module with `make_env`, whose environment yields one problem at a time."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY

    module: Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """An inference server that calls `predict`."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY

    module: ModuleName
    class_name: Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """The rules of one contest."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY

    name: str = ""
    """What commands call it; its file's name, unless the file says otherwise."""
    slug: Slug
    """The competition's name in addresses and input folders."""
    problems: PositiveInt
    """Problems in a scoring run."""
    limit_seconds: Positive
    """Time limit of a scoring run on a GPU, counted from the start of the session."""
    call_seconds: Positive | None = None
    """How long the gateway waits for an answer; None means without limit, as for the first call, which includes
    loading."""
    submission: FileName = "submission.parquet"
    """The file that the gateway writes."""
    answers: AnswerSettings
    iterator: IteratorSettings | None = None
    server: ServerSettings | None = None

    def __post_init__(self) -> None:
        if (self.iterator is None) == (self.server is None):
            raise InputError("a contest must have one table, [iterator] or [server], which says how it asks")


@cache
def shipped_contests() -> tuple[Contest, ...]:
    """Every shipped contest, by name."""
    return tuple(_read(path) for path in sorted(CONTESTS.glob("*.toml")))


def find_contest(name_or_file: str, others: Sequence[str] = ()) -> Contest:
    """Returns a shipped contest, by its name in any usual spelling or by its slug, or the one that a .toml describes.

    Raises InputError, which lists the names, and the `others` that the caller understands.
    """
    if name_or_file.casefold().endswith(".toml"):
        return _read(find_shipped(name_or_file, CONTESTS, noun="contest"))
    contests = shipped_contests()
    names = {contest.name: contest for contest in contests} | {contest.slug: contest for contest in contests}
    matched = match_name(name_or_file, names)
    if matched is None:
        listed = ", ".join([*others, *(contest.name for contest in contests)])
        raise InputError(f"contest must be one of {listed}, or a .toml file, got {name_or_file!r}")
    return names[matched]


def contests_with(name_or_file: str) -> tuple[Contest, ...]:
    """Returns the shipped contests and, where a .toml file is named, the one that it describes."""
    shipped = shipped_contests()
    if not name_or_file.casefold().endswith(".toml"):
        return shipped
    own = find_contest(name_or_file)
    return (own, *(contest for contest in shipped if contest.slug != own.slug))


def match_name(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that `name` spells, or None: `3`, `AIMO3` and `aimo-3` all mean `aimo3`."""
    return next((one for one in names if _spelling(one) == _spelling(name)), None)


def _spelling(name: str) -> str:
    letters = re.sub(r"[\s_-]", "", name).lower()
    return f"aimo{letters}" if letters.isdecimal() else letters


def _read(path: Path) -> Contest:
    contest = load_settings(Contest, path)
    return contest if contest.name else replace(contest, name=path.stem)
