"""Contests: every usual spelling of a name finds one contest, and one answer rule."""

from __future__ import annotations

import pytest

from aimo_solver.errors import InputError
from aimo_solver.kaggle.contests import CONTESTS, Contest, find_contest
from aimo_solver.problems.problem import ANY_INTEGER, answer_rule


@pytest.mark.parametrize("name", ["aimo3", "3", "AIMO3", "aimo-3", "AIMO 3", "aimo_3"])
def test_a_contest_is_found_by_every_usual_spelling(name: str) -> None:
    assert find_contest(name).name == answer_rule(name).name == "aimo3"


@pytest.mark.parametrize("contest", CONTESTS, ids=lambda contest: contest.name)
def test_a_contest_is_found_by_its_slug(contest: Contest) -> None:
    assert find_contest(contest.slug) is contest


@pytest.mark.parametrize("name", ["any-integer", "Any Integer"])
def test_any_integer_is_a_rule_and_not_a_contest(name: str) -> None:
    assert answer_rule(name) is ANY_INTEGER
    with pytest.raises(InputError, match="contest must be one of aimo1, aimo2, aimo3, got"):
        find_contest(name)


@pytest.mark.parametrize("name", ["", "4", "aimo", "aimo33", "imo"])
def test_an_unknown_contest_is_refused_with_the_names(name: str) -> None:
    with pytest.raises(InputError, match=f"contest must be one of aimo1, aimo2, aimo3, got '{name}'"):
        find_contest(name)
    with pytest.raises(InputError, match=f"contest must be one of any-integer, aimo1, aimo2, aimo3, got '{name}'"):
        answer_rule(name)
