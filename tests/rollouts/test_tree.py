"""Nodes: visits, values, who is gone on with; what a finished tree teaches."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.rollouts.search.node import Node
from aimo_solver.rollouts.search.path import Path, Step, StepEnd
from aimo_solver.rollouts.search.training_rows import training_rows
from aimo_solver.sandbox.base import ExecutionStatus
from tests.helpers.fakes import PROBLEM


def step(text: str = "step\n\n", end: StepEnd = StepEnd.CUT, status: ExecutionStatus | None = None) -> Step:
    return Step(token_ids=tuple(text.encode()), text=text, end=end, status=status)


def child_of(parent: Node, *, terminal: bool = False, score: float | None = None, text: str = "step\n\n") -> Node:
    node = Node(
        path=parent.path + step(text),
        parent=parent,
        place=(*parent.place, len(parent.children)),
        terminal=terminal,
        score=score,
    )
    parent.children.append(node)
    return node


def visited(node: Node, *values: float) -> Node:
    for value in values:
        node.back_up(value)
    return node


def test_a_value_is_counted_for_all_that_led_to_it() -> None:
    root = Node()
    inner = child_of(root)
    other = child_of(root)
    visited(child_of(inner), 0.5)
    visited(other, -1.0)
    assert [(node.visits, node.total) for node in (root, inner, other)] == [(2, -0.5), (1, 0.5), (1, -1.0)]


def test_the_child_of_the_highest_bound_is_chosen() -> None:
    root = Node()
    often, seldom = visited(child_of(root), 0.9, 0.1), visited(child_of(root), 0.2)
    # ln 3 = 1.0986: 0.5 + 2 sqrt(1.0986 / 2) = 1.98 against 0.2 + 2 sqrt(1.0986 / 1) = 2.30.
    assert root.choose(exploration=2.0) is seldom
    # 0.5 + 0.3 sqrt(0.5493) = 0.72 against 0.2 + 0.3 sqrt(1.0986) = 0.51.
    assert root.choose(exploration=0.3) is often


def test_children_without_a_visit_come_first_in_the_order_of_their_scores() -> None:
    root = Node()
    visited(child_of(root, score=0.9), 1.0)
    child_of(root, score=-0.8)
    better = child_of(root, score=-0.2)
    assert root.choose(exploration=2.0) is better


def test_the_first_child_wins_a_tie() -> None:
    root = Node()
    first = child_of(root)
    child_of(root)
    assert root.choose(exploration=2.0) is first


def test_terminal_and_closed_children_are_not_gone_on_with() -> None:
    root = Node()
    child_of(root, terminal=True, score=1.0)
    child_of(root, score=0.9).close()
    last = child_of(root, score=-1.0)
    assert root.choose(exploration=2.0) is last
    last.close()
    assert root.choose(exploration=2.0) is None


def test_a_node_is_closed_with_its_last_open_child() -> None:
    root = Node()
    first, second = child_of(root), child_of(root)
    first.close()
    assert not root.closed
    child_of(second, terminal=True)
    second.close()
    assert root.closed


@pytest.mark.parametrize("status", [status for status in ExecutionStatus if status is not ExecutionStatus.OK])
def test_a_step_has_failed_when_its_run_did(status: ExecutionStatus) -> None:
    assert step("error: none", StepEnd.CALL, status).failed
    assert not step("error: none", StepEnd.CALL, status).continues
    assert step("error: none", StepEnd.CALL, ExecutionStatus.OK).continues


def test_code_that_a_blank_line_cut_is_whole_in_its_turn() -> None:
    ran = Step(token_ids=(1,), text="```python\n1\n```\n```output\n", end=StepEnd.CALL, output="1", shown="1\n```\n")
    path = Path((ran, step("```python\nx = 1\n\n"), step("x\n```\n```output\n")))
    assert path.turn_text == "```python\nx = 1\n\nx\n```\n```output\n"
    assert path.written.count("1\n```\n") == 1
    assert path.text.count("1\n```\n") == 2


def ended(parent: Node, text: str, answer: int | None) -> Node:
    end = child_of(parent, text=text, terminal=True)
    end.answer = answer
    return end


def test_a_row_says_what_came_of_each_step() -> None:
    root, problem = Node(), replace(PROBLEM, gold=2)
    good, bad = child_of(root, text="good\n\n"), child_of(root, text="bad\n\n")
    ended(good, "two", 2)
    ended(good, "three", 3)
    ended(bad, "none", None)
    child_of(root, text="never gone on with\n\n")
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


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(-1, 1)), max_size=60))
def test_visits_and_values_of_children_sum_up_to_the_parents(moves: list[tuple[int, float]]) -> None:
    nodes = [Node()]
    own: dict[int, list[float]] = {}
    for pick, value in moves:
        node = nodes[pick % len(nodes)]
        nodes.append(child_of(node))
        node.back_up(value)
        own.setdefault(id(node), []).append(value)
    for node in nodes:
        values = own.get(id(node), [])
        assert node.visits == len(values) + sum(child.visits for child in node.children)
        assert math.isclose(node.total, sum(values) + sum(child.total for child in node.children), abs_tol=1e-9)
        assert not node.visits or -1 - 1e-9 <= node.mean <= 1 + 1e-9
