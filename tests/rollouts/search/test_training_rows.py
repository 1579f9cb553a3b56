"""Training rows: what a finished tree teaches."""

from __future__ import annotations

from dataclasses import replace

from aimo_solver.rollouts.search.node import Node
from aimo_solver.rollouts.search.training_rows import training_rows
from tests.helpers.fakes import PROBLEM
from tests.helpers.nodes import child_of, ended


def test_a_row_says_what_came_of_each_step() -> None:
    root, problem = Node(), replace(PROBLEM, gold=2)
    good, bad = child_of(root, text="good\n\n"), child_of(root, text="bad\n\n")
    ended(good, "two", 2)
    ended(good, "three", 3)
    ended(bad, "none", None)
    child_of(root, text="never continued\n\n")
    start = {"problem": PROBLEM.text, "prefill": "<think>\n"}
    two, three = {"text": "two", "visits": 1, "value": 1.0}, {"text": "three", "visits": 1, "value": -1.0}
    assert training_rows(problem, root, "<think>\n") == [
        {
            **start,
            "prefix": "",
            "children": [
                {"text": "good\n\n", "visits": 2, "value": 0.0},
                {"text": "bad\n\n", "visits": 1, "value": -1.0},
            ],
        },
        {**start, "prefix": "good\n\n", "children": [two, three]},
        {**start, "prefix": "bad\n\n", "children": [{"text": "none", "visits": 1, "value": -1.0}]},
        {
            **start,
            "prefix": "",
            "children": [two | {"text": "good\n\ntwo"}, three | {"text": "good\n\nthree"}],
        },
    ]


def test_whole_solutions_are_compared_where_some_are_right() -> None:
    root = Node()
    ended(root, "three", 3)
    assert [row["children"] for row in training_rows(replace(PROBLEM, gold=2), root)] == [
        [{"text": "three", "visits": 1, "value": -1.0}]
    ]


def test_a_problem_without_a_known_answer_teaches_nothing() -> None:
    root = Node()
    ended(root, "two", 2)
    assert training_rows(replace(PROBLEM, gold=None), root) == []
