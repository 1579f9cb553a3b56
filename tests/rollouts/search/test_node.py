"""Nodes: visits, values, and which child is chosen."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.rollouts.search.node import Node
from tests.helpers.nodes import child_of, visited


def test_a_value_is_counted_for_all_ancestors() -> None:
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


def test_terminal_and_closed_children_are_not_chosen() -> None:
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
