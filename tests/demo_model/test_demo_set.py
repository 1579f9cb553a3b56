"""The bundled demo set: fresh, fair, and identical to what its script draws."""

from __future__ import annotations

from random import Random

import pytest

from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import load_problem_set
from aimo_solver.utils.paths import DEMO_SET
from demo_model import method_traces, traces
from demo_model.demo_set import PROBLEMS, demo_rows, draws, held_out
from demo_model.families import FAMILIES
from demo_model.families.family import fill
from tests.helpers.contests import AIMO3


@pytest.fixture(scope="module")
def problems() -> tuple[Problem, ...]:
    return load_problem_set(DEMO_SET).problems


def test_it_holds_a_hundred_drawn_problems_and_ten_by_hand(problems: tuple[Problem, ...]) -> None:
    assert len(problems) == 110
    assert sum(problem.source == "written by hand" for problem in problems) == 10


def test_no_two_problems_are_the_same(problems: tuple[Problem, ...]) -> None:
    assert len({problem.text for problem in problems}) == len({problem.id for problem in problems}) == 110


def test_a_third_is_in_wordings_the_model_never_saw(problems: tuple[Problem, ...]) -> None:
    unseen = sum("new wording" in (problem.source or "") for problem in problems)
    assert unseen in (PROBLEMS // 3, PROBLEMS // 3 + 1)


def test_unseen_wordings_are_not_taught() -> None:
    for family, params, wording, unseen in draws():
        statement = fill(wording, params)
        assert unseen is (statement not in {fill(seen, params) for seen in family.wordings})


def test_every_answer_is_one_the_contest_accepts(problems: tuple[Problem, ...]) -> None:
    assert all(problem.gold is not None and 0 <= problem.gold <= 99_999 for problem in problems)
    assert load_problem_set(DEMO_SET).golds_outside(AIMO3) == 0


def test_families_take_even_shares() -> None:
    counts = [sum(drawn is family for drawn, *_ in draws()) for family in FAMILIES]
    assert max(counts) - min(counts) <= 1


def test_the_file_is_what_the_script_draws(problems: tuple[Problem, ...]) -> None:
    drawn = [(row["id"], row["problem"], row["answer"], row["source"], row["level"]) for row in demo_rows()]
    assert [(p.id, p.text, p.gold, p.source, p.level) for p in problems] == drawn


def test_every_drawn_problem_is_held_out() -> None:
    assert held_out() == {(family.name, str(params)) for family, params, *_ in draws()}


def test_a_held_out_problem_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = method_traces.draw_trace(Random(5), code=False)
    rng = Random(5)
    family = rng.choice(FAMILIES)
    params = family.draw(rng)
    monkeypatch.setattr(traces, "held_out", lambda: frozenset({(family.name, str(params))}))
    second = method_traces.draw_trace(Random(5), code=False)
    assert first.problem in {fill(wording, params) for wording in family.wordings}
    assert second.family == family.name
    assert second.problem not in {fill(wording, params) for wording in family.wordings}


def test_training_never_sees_a_statement_of_the_set(problems: tuple[Problem, ...]) -> None:
    statements = {problem.text for problem in problems}
    assert not any(method_traces.draw_trace(Random(seed), code=False).problem in statements for seed in range(60))
