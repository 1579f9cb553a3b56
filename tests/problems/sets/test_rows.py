"""A source's rows as problems, and their corrections."""

from __future__ import annotations

import pytest

from aimo_solver.errors import InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.sets.manifest import Correction, Hub, Layout
from aimo_solver.problems.sets.rows import correct, gold_integer, to_problems
from tests.helpers.validation_sets import manifest

WIKI = "https://artofproblemsolving.com/wiki/index.php/"


def test_contests_are_named_by_their_wiki_page() -> None:
    rows = [
        {"problem": " a ", "answer": "116", "url": f"{WIKI}2022_AIME_I_Problems/Problem_1"},
        {"problem": "b", "answer": -4.0, "url": f"{WIKI}2023_AMC_12B_Problems/Problem_25"},
    ]
    assert to_problems(manifest(hub=Hub(dataset="x", layout=Layout.AOPS)), rows) == [
        Problem("aime_2022_I_1", "a", 116, source="AIME I 2022, Problem 1"),
        Problem("amc12_2023_B_25", "b", -4, source="AMC 12B 2023, Problem 25"),
    ]


def test_math_takes_the_last_box_that_int_reads() -> None:
    def row(number: int, solution: str, level: object = 5, split: str = "test") -> dict[str, object]:
        return {
            "unique_id": f"{split}/counting_and_probability/{number}.json",
            "level": level,
            "problem": "?",
            "solution": solution,
        }

    rows = [
        row(1, r"\boxed{3} or rather \boxed{ -4 }"),
        row(2, r"\boxed{\frac12}"),
        row(3, r"\boxed{7}", "Level 5"),
        row(4, r"\boxed{7}", 4),
        row(5, r"\boxed{7}", 5, "train"),
        row(6, "no box"),
    ]
    found = to_problems(manifest(hub=Hub(dataset="x", layout=Layout.MATH, level=5)), rows)
    assert [(p.id, p.gold) for p in found] == [
        ("math_test_counting_and_probability_1", -4),
        ("math_test_counting_and_probability_3", 7),
    ]
    assert found[0].family == "Counting & Probability"


def test_plain_rows_without_an_integer_are_left_out() -> None:
    rows = [
        {"n": 1, "q": "a", "a": "42"},
        {"n": 2, "q": "b", "a": r"\sqrt{2}"},
        {"n": 3, "q": "c", "a": r"\frac{84}{2}"},
    ]
    hub = Hub(dataset="x", id="n", problem="q", answer="a")
    assert [(p.id, p.gold) for p in to_problems(manifest(hub=hub), rows)] == [("small_1", 42), ("small_3", 42)]


def test_a_source_that_has_changed_is_refused_by_row() -> None:
    with pytest.raises(InputError, match=r"small, row 2 of the source: KeyError\('answer'\); has it changed?"):
        to_problems(manifest(hub=Hub(dataset="x")), [{"problem": "a", "answer": "1"}, {"problem": "a"}])


@pytest.mark.parametrize(
    ("text", "value"), [("42", 42), ("-3", -3), (r"$\frac{24}{2}$", 12), ("1,024", 1024), ("2^{10}", 1024), ("x", None)]
)
def test_golds_that_are_not_canonical_are_checked_against_math_verify(text: str, value: int | None) -> None:
    pytest.importorskip("math_verify")
    assert gold_integer(text) == value


def test_corrections_made_twice_change_nothing_more() -> None:
    rows = [Problem("a", "more than 1 of them", 5), Problem("b", "?", 6)]
    wanted = (
        Correction(id="a", ground="wrong key", answer=125),
        Correction(id="b", ground="no such words", replace="more than 1", by="more than two"),
    )
    once = correct(rows, wanted)
    assert [p.gold for p in once] == [125, 6] and correct(once, wanted) == once
    words = correct(rows, (Correction(id="a", ground="a slip", replace="more than 1", by="more than two"),))
    assert words[0].text == "more than two of them"
