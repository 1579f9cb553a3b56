"""Trees of steps: what grows, where paths end, and what answers are worth."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aimo_solver.config.settings import SearchSettings
from aimo_solver.engine.scripted import Reply
from aimo_solver.rollouts.trajectory import StopReason
from aimo_solver.sandbox.base import ExecutionStatus
from tests.helpers.fakes import InProcessSandbox, boxed, code
from tests.helpers.search_harness import (
    MCTS,
    METHODS,
    SETTINGS,
    grow,
    node_at,
    numbered,
    scores,
    statistics,
)


def test_without_a_scorer_an_answer_is_worth_its_share_of_the_trees_answers() -> None:
    steps = {"": [boxed(1), boxed(2) + " Clearly.", boxed(2), "go\n\n"], "go\n\n": [boxed(1), boxed(3)]}
    tree = grow(steps, replace(MCTS, width=4))
    assert [node_at(tree.root, place).total for place in range(3)] == [1 / 3, 2 / 3, 2 / 3]
    assert tree.trajectory.answer == 1  # As often as 2, and first.
    assert tree.trajectory.score is None  # A share is no score.


def test_steps_that_read_the_same_are_one() -> None:
    tree = grow({"": ["same\n\n", "same\n\n", boxed(1), "same\n\n"], "same\n\n": [boxed(1)]}, replace(MCTS, width=4))
    assert [node.path.text for node in tree.root.children] == ["same\n\n", boxed(1) + "<|end|>"]


def test_code_that_fails_is_the_end_of_its_path_and_worth_minus_one() -> None:
    steps = {"": [code("print(1 / 0)"), "on\n\n"], "on\n\n": [boxed(1)]}
    tree = grow(steps, replace(MCTS, simulations=9), scorer=scores({"```": 1.0}))
    failed = node_at(tree.root, 0)
    assert (failed.terminal, failed.visits, failed.total, failed.children) == (True, 1, -1.0, [])
    assert failed.path.steps[0].status is ExecutionStatus.ERROR
    assert (tree.root.visits, tree.trajectory.answer) == (1, 1)


def test_a_step_whose_code_failed_is_not_shown_to_the_scorer() -> None:
    scorer = scores({})
    grow({"": [code("1 / 0"), boxed(1)]}, MCTS, scorer=scorer)
    assert scorer.asked == [boxed(1) + "<|end|>"]


def test_the_scorer_reads_the_models_first_words_too() -> None:
    scorer = scores({})
    grow({"Hm.\n": [boxed(1)]}, MCTS, scorer=scorer, settings=replace(SETTINGS, prefill="Hm.\n"))
    assert scorer.asked == ["Hm.\n" + boxed(1) + "<|end|>"]


def test_a_box_before_code_that_fails_is_no_answer_where_another_path_has_one() -> None:
    tree = grow({"": [boxed(6) + code("1 / 0"), boxed(7)]}, MCTS)
    assert tree.trajectory.answer == 7


def test_a_program_that_prints_the_word_error_has_not_failed() -> None:
    call = code("print('Traceback: ZeroDivisionError: error')")
    tree = grow({"": [call], call + "Traceback: ZeroDivisionError: error\n```\n": [boxed(1)]}, MCTS)
    assert tree.trajectory.answer == 1
    assert tree.trajectory.turns[0].status is ExecutionStatus.OK


def test_siblings_see_their_paths_variables_but_not_each_others() -> None:
    begin = code("x = [1]")
    first, second = code("x.append(2)\nprint(x)"), code("x.append(3)\nprint(x)")
    steps = {
        "": [begin],
        begin + "```\n": [first, second],
        begin + "```\n" + first + "[1, 2]\n```\n": [code("x.append(4)\nprint(x)"), boxed(1)],
        begin + "```\n" + first + "[1, 2]\n```\n" + code("x.append(4)\nprint(x)") + "[1, 2, 4]\n```\n": [boxed(1)],
    }
    tree = grow(steps, replace(MCTS, depth=8))
    outputs = [node.path.steps[-1].output for node in node_at(tree.root, 0).children]
    assert outputs == ["[1, 2]", "[1, 3]"]
    assert node_at(tree.root, 0, 0, 0).path.steps[-1].output == "[1, 2, 4]"


def test_code_is_whole_although_a_blank_line_ends_its_first_step() -> None:
    start, rest = "```python\nx = 6\n\n", "print(x * 7)\n```\n```output\n"
    tree = grow({"": [start], start: [rest], start + rest + "42\n```\n": [boxed(42)]}, MCTS)
    assert [turn.output for turn in tree.trajectory.turns] == [None, "42", None]


def test_code_beyond_its_rounds_is_not_run() -> None:
    sandbox = InProcessSandbox()
    call = code("print(1)")
    steps = {"": [call], call + "1\n```\n": [code("print(2)"), boxed(1)]}
    tree = grow(steps, MCTS, settings=replace(SETTINGS, code_rounds=1), sandbox=sandbox)
    assert sandbox.cells == ["print(1)"]
    assert node_at(tree.root, 0, 0).terminal
    assert tree.trajectory.answer == 1


def test_a_path_has_no_more_steps_than_the_depth() -> None:
    tree = grow(lambda text, sampling: Reply("on\n\n"), replace(MCTS, depth=3, simulations=9))
    assert max(len(node.path.steps) for node in tree.root.walk()) == 3
    assert tree.root.closed


@pytest.mark.parametrize("search", METHODS)
def test_the_same_seed_grows_the_same_tree(search: SearchSettings) -> None:
    first, second, other = (grow(numbered, replace(search, simulations=5, width=4), seed=seed) for seed in (7, 7, 8))
    assert statistics(first) == statistics(second)
    assert [node.path.text for node in first.root.walk()] == [node.path.text for node in second.root.walk()]
    assert [node.path.text for node in first.root.walk()] != [node.path.text for node in other.root.walk()]


def test_a_full_context_ends_a_path() -> None:
    tree = grow(lambda text, sampling: Reply("x" * 500), replace(MCTS, simulations=3), context_tokens=200)
    assert tree.root.closed
    assert tree.trajectory.stop_reason is StopReason.NO_ANSWER
