"""Monte-Carlo tree search: where simulations go, and what they count."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.config.settings import SearchSettings
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply
from tests.helpers.fakes import boxed, code
from tests.helpers.search_harness import (
    MCTS,
    TWO_WAYS,
    WORTH,
    grow,
    node_at,
    numbered,
    scores,
    statistics,
)


def test_one_simulation_follows_the_best_scores_and_counts_each_answer_it_meets() -> None:
    tree = grow(TWO_WAYS, MCTS, scorer=scores(WORTH))
    assert statistics(tree) == [
        ((), 2, 0.2),
        ((0,), 2, 0.2),
        ((0, 0), 1, 0.4),
        ((0, 1), 1, -0.2),
        ((1,), 0, 0.0),
    ]


def test_the_second_simulation_goes_to_the_child_without_a_visit() -> None:
    tree = grow(TWO_WAYS, replace(MCTS, simulations=2), scorer=scores(WORTH))
    assert (tree.root.visits, node_at(tree.root, 0).visits) == (5, 2)
    right = node_at(tree.root, 1)
    assert (right.visits, round(right.total, 6)) == (3, 0.2)
    assert node_at(right, 1).visits == 2


def test_a_complete_tree_ends_before_its_simulations_do() -> None:
    tree = grow(TWO_WAYS, replace(MCTS, simulations=100), scorer=scores(WORTH))
    assert tree.root.closed
    assert tree.root.visits == 5


def test_a_simulation_without_an_answer_sends_the_next_one_elsewhere() -> None:
    steps = {"": ["a\n\n", "b\n\n"], "a\n\n": ["c\n\n", "d\n\n"], "b\n\n": [boxed(1)]}
    tree = grow(steps, replace(MCTS, depth=2, simulations=2), scorer=scores({"a": 1.0}))
    assert (node_at(tree.root, 0).total, tree.trajectory.answer) == (-1.0, 1)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    simulations=st.integers(1, 8),
    width=st.integers(1, 6),
    depth=st.integers(1, 5),
    failing=st.integers(2, 6),
)
def test_what_a_tree_counts_adds_up(seed: int, simulations: int, width: int, depth: int, failing: int) -> None:
    def reply(text: str, sampling: Sampling) -> Reply:
        drawn = sampling.seed or 0
        return Reply(code("1 / 0")) if drawn % failing == 0 else numbered(text, sampling)

    tree = grow(reply, SearchSettings(simulations=simulations, width=width, depth=depth), seed=seed)
    for node in tree.root.walk():
        sound = [child for child in node.children if not child.failed]
        from_below = sum(child.visits for child in sound)
        if node.terminal:
            assert node.children == []
            assert node.visits == (node.answer is not None or node.failed)
        else:
            assert node.visits - from_below in (0, 1)  # A dead end counts once.
        assert len({child.path.text for child in node.children}) == len(node.children) <= width
        assert not node.visits or -1 <= node.mean <= 1
    assert tree.root.visits >= min(1, simulations)
