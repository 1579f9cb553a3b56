"""Training rows: what a finished tree teaches a process preference model about steps. Pure.

Guarantees: prefix and a child's text, joined, are what a scorer reads behind the prompt.
Source: rStar-Math (arXiv 2501.04519). While it trains, an answer is worth what the known answer says of it;
siblings are compared by what came of them, and whole solutions, whatever they have in common, two by two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.search.node import Node

MOST_SOLUTIONS = 4
"""Of the right ones, and of the wrong: the first found."""


def training_rows(problem: Problem, root: Node, prefill: str = "") -> list[dict[str, Any]]:
    """`{"problem", "prefill", "prefix", "children": [{"text", "visits", "value"}]}`, a row a node with steps.

    `visits` counts the ends found below a child, `value` is their mean outcome: 1 for the right answer, -1 for
    another, for none, for code that failed. A child without ends is left out. A last row holds whole
    solutions, where some are right and some are not. No rows where the answer is not known.
    """
    if problem.gold is None:
        return []
    nodes = [(node.path.text, _children(node, problem.gold)) for node in root.walk()]
    rows = [*nodes, ("", _solutions(root, problem.gold))]
    start = {"problem": problem.text, "prefill": prefill}
    return [{**start, "prefix": prefix, "children": children} for prefix, children in rows if children]


def _children(node: Node, gold: int) -> list[dict[str, Any]]:
    found = ((child.path.steps[-1], _outcomes(child, gold)) for child in node.children)
    return [_row(step.text + step.shown, outcomes) for step, outcomes in found if outcomes]


def _solutions(root: Node, gold: int) -> list[dict[str, Any]]:
    answered = [end for end in root.walk() if end.answer is not None]
    right = [end for end in answered if end.answer == gold][:MOST_SOLUTIONS]
    wrong = [end for end in answered if end.answer != gold][:MOST_SOLUTIONS]
    return [_row(end.path.text, _outcomes(end, gold)) for end in (*right, *wrong)] if right and wrong else []


def _outcomes(node: Node, gold: int) -> list[int]:
    return [1 if end.answer == gold else -1 for end in node.walk() if end.terminal]


def _row(text: str, outcomes: Sequence[int]) -> dict[str, Any]:
    return {"text": text, "visits": len(outcomes), "value": sum(outcomes) / len(outcomes)}
