"""Contests: every usual spelling of a name finds one, and one answer rule; a fourth is one TOML file."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimo_solver.config.contest import Contest, contests_with, find_contest, shipped_contests
from aimo_solver.errors import InputError
from aimo_solver.kaggle.inputs import find_competition
from aimo_solver.problems.problem import ANY_INTEGER, answer_rule
from tests.helpers.contests import MADE_UP, write_contest

NAMES = "aimo1, aimo2, aimo3, or a .toml file"


@pytest.mark.parametrize("name", ["aimo3", "3", "AIMO3", "aimo-3", "AIMO 3", "aimo_3"])
def test_a_contest_is_found_by_every_usual_spelling(name: str) -> None:
    assert find_contest(name).name == answer_rule(name).name == "aimo3"


@pytest.mark.parametrize("contest", shipped_contests(), ids=lambda contest: contest.name)
def test_a_contest_is_found_by_its_slug(contest: Contest) -> None:
    assert find_contest(contest.slug) is contest


@pytest.mark.parametrize("name", ["any-integer", "Any Integer"])
def test_any_integer_is_a_rule_and_not_a_contest(name: str) -> None:
    assert answer_rule(name) is ANY_INTEGER
    with pytest.raises(InputError, match=f"contest must be one of {NAMES}, got"):
        find_contest(name)


@pytest.mark.parametrize("name", ["", "4", "aimo", "aimo33", "imo", "nowhere.toml"])
def test_an_unknown_contest_is_refused_with_the_names(name: str) -> None:
    with pytest.raises(InputError, match=f"contest must be one of {NAMES}, got '{name}'"):
        find_contest(name)
    with pytest.raises(InputError, match=f"contest must be one of (any-integer, )?{NAMES}, got '{name}'"):
        answer_rule(name)


def test_the_three_editions_are_as_their_pages_say() -> None:
    figures = {
        one.name: (one.problems, one.limit_seconds / 3600, one.call_seconds, one.server and one.server.class_name)
        for one in shipped_contests()
    }
    assert figures == {
        "aimo1": (50, 9, None, None),
        "aimo2": (50, 5, 1800, "AIMO2InferenceServer"),
        "aimo3": (50, 5, 32_400, "AIMO3InferenceServer"),
    }
    assert [answer_rule(name).apply(100_001) for name in figures] == [1, 1, None]


def test_a_made_up_contest_is_one_file(tmp_path: Path) -> None:
    path = write_contest(tmp_path)
    contest, rule = find_contest(str(path)), answer_rule(str(path))
    assert (contest.name, contest.slug, contest.call_seconds) == ("winter", "winter-olympiad", 600)
    assert (rule.name, rule.fallback, rule.apply(-7), rule.apply(8)) == ("winter", 3, -7, None)


def test_a_made_up_contest_is_found_when_its_slug_is_attached(tmp_path: Path) -> None:
    path = write_contest(tmp_path)
    folder = tmp_path / "input/competitions/winter-olympiad"
    folder.mkdir(parents=True)
    assert find_competition(tmp_path / "input") is None
    assert find_competition(tmp_path / "input", contests_with(str(path))) == (find_contest(str(path)), folder)


def test_a_file_for_a_shipped_slug_takes_its_place(tmp_path: Path) -> None:
    slug = find_contest("aimo3").slug
    path = write_contest(tmp_path, MADE_UP.replace("winter-olympiad", slug))
    (tmp_path / "input" / slug).mkdir(parents=True)
    found = find_competition(tmp_path / "input", contests_with(str(path)))
    assert found is not None and found[0].name == "winter"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("problems = 5", "problems = 0", "problems must be greater than 0, got 0"),
        ("problems = 5", "problems = 5\nprize = 1", "prize: unknown key, got 1"),
        ("problems = 5", "", "problems must be given"),
        ("maximum = 7", "maximum = -8", r"minimum must be at most maximum \(-8\), got -7"),
        ("fallback = 3", "fallback = 9", "fallback must be an answer, from -7 to 7, got 9"),
        ("maximum = 7", 'maximum = "7"', "answers.maximum must be a valid integer, got '7'"),
        ("winter-olympiad", "Winter Olympiad", "slug .* match pattern"),
        ("[server]", "[iterator]", "iterator.module must match pattern"),
        ("[server]", '[iterator]\nmodule = "aimo"\n[server]', r"must have one table, \[iterator\] or \[server\]"),
        ('class_name = "WinterServer"', 'class_name = "Winter Server"', "server.class_name .* match pattern"),
    ],
)
def test_a_contest_is_read_strictly(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert old in MADE_UP
    path = write_contest(tmp_path, MADE_UP.replace(old, new))
    with pytest.raises(InputError, match=f"winter.toml: .*{fault}"):
        find_contest(str(path))
