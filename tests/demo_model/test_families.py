"""Every family's programs, chain of thought and brute force give the same answer."""

from __future__ import annotations

import contextlib
import io
import re
from random import Random

import pytest

from demo_model.families import FAMILIES, Family
from demo_model.families.family import fill

DRAWS = 25


def printed_answer(program: str) -> int:
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout):
        exec(program, {"__name__": "__main__"})
    return int(stdout.getvalue().split()[-1])


@pytest.fixture(params=FAMILIES, ids=lambda family: family.name)
def family(request: pytest.FixtureRequest) -> Family:
    return request.param


def test_names_are_unique() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_programs_print_the_brute_force_answer(family: Family) -> None:
    for seed in range(DRAWS):
        params = family.draw(Random(seed))
        expected = family.brute_force(params)
        for program in family.programs:
            assert printed_answer(fill(program, params)) == expected, (params, program)


def test_answers_fit_the_contest_range(family: Family) -> None:
    for seed in range(DRAWS):
        assert 0 <= family.brute_force(family.draw(Random(seed))) <= 99999


def test_steps_end_at_the_answer(family: Family) -> None:
    for seed in range(DRAWS):
        params = family.draw(Random(seed))
        numbers = re.findall(r"\d+", family.steps(params))
        assert numbers and int(numbers[-1]) == family.brute_force(params), params


def test_every_wording_uses_the_same_parameters(family: Family) -> None:
    slots = [set(re.findall(r"@([a-z]+)", wording)) for wording in (*family.wordings, *family.unseen_wordings)]
    assert all(slot == slots[0] for slot in slots)


def test_a_family_has_many_wordings(family: Family) -> None:
    assert len(set(family.wordings)) >= 5
    assert len(set(family.unseen_wordings)) >= 2
    assert len(family.thoughts) >= 2 and len(family.programs) >= 2


def test_draws_are_seeded_and_varied(family: Family) -> None:
    statements = {fill(family.wordings[0], family.draw(Random(seed))) for seed in range(DRAWS)}
    assert statements == {fill(family.wordings[0], family.draw(Random(seed))) for seed in range(DRAWS)}
    assert len(statements) >= DRAWS // 2
