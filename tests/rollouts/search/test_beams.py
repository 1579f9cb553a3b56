"""Beams: which steps are continued, by beam search and in the subtrees of DVTS."""

from __future__ import annotations

from tests.helpers.fakes import boxed, code
from tests.helpers.search_harness import BEAM, DVTS, GrownTree, grow, scores

BRANCHES = {
    "": ["a\n\n", "b\n\n", "c\n\n", "d\n\n"],
    "a\n\n": [boxed(1), boxed(2)],
    "c\n\n": [boxed(3), boxed(4)],
    "b\n\n": [boxed(5), boxed(6)],
    "d\n\n": [boxed(7), boxed(8)],
}
LIKED = {"a": 0.9, "c": 0.8, "b": 0.1, "d": 0.2}


def grown(tree: GrownTree) -> set[str]:
    return {node.path.text.strip() for node in tree.root.children if node.children}


def test_dvts_continues_the_best_step_of_each_subtree() -> None:
    assert grown(grow(BRANCHES, DVTS, scorer=scores(LIKED))) == {"a", "d"}  # The subtrees are a, c and b, d.


def test_beam_search_continues_the_best_steps_of_the_level() -> None:
    assert grown(grow(BRANCHES, BEAM, scorer=scores(LIKED))) == {"a", "c"}


def test_dvts_answers_with_the_best_scored_end() -> None:
    tree = grow(BRANCHES, DVTS, scorer=scores(LIKED | {boxed(8): 0.95, boxed(1): 0.5}))
    assert (tree.trajectory.answer, tree.trajectory.score) == (8, 0.95)


def test_a_beam_never_continues_after_code_that_failed() -> None:
    steps = {"": [code("1 / 0"), code("2 / 0"), "a\n\n", "b\n\n"], "a\n\n": [boxed(1)], "b\n\n": [boxed(2)]}
    tree = grow(steps, DVTS, scorer=scores({"```": 1.0}))
    assert grown(tree) == {"a", "b"}
