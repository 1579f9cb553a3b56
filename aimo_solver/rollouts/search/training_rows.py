"""Training rows: what a finished tree teaches a process preference model about steps. Pure.

Guarantees: prefix and a child's text, joined, are what a scorer reads after the prompt.
Source: rStar-Math (arXiv 2501.04519). In training, an answer's worth is whether it equals the known answer;
siblings are compared by what came of them, and whole solutions in pairs, even if they share no steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.search.node import Node

MAX_SOLUTIONS = 4
"""At most this many right solutions, and as many wrong ones: the first found."""


class TrainingChild(TypedDict):
    """A step, or a whole solution, and what came of it."""

    text: str
    visits: int
    """How many ends were found below it."""
    value: float
    """Their mean outcome: 1 for the right answer, -1 for another, for none, and for code that failed."""


class TrainingRow(TypedDict):
    """Steps that follow the same prefix."""

    problem: str
    prefill: str
    """The model's first words."""
    prefix: str
    children: list[TrainingChild]


def training_rows(problem: Problem, root: Node, prefill: str = "") -> list[TrainingRow]:
    """Returns one row per node with steps; a child without ends is left out.

    A last row holds whole solutions, where some are right and some are not. Returns no rows where the
    answer is not known.
    """
    if problem.gold is None:
        return []
    nodes = [(node.path.text, _children(node, problem.gold)) for node in root.walk()]
    rows = [*nodes, ("", _solutions(root, problem.gold))]
    return [
        TrainingRow(problem=problem.text, prefill=prefill, prefix=prefix, children=children)
        for prefix, children in rows
        if children
    ]


def _children(node: Node, gold: int) -> list[TrainingChild]:
    found = ((child.path.steps[-1], _outcomes(child, gold)) for child in node.children)
    return [_child(step.text + step.shown, outcomes) for step, outcomes in found if outcomes]


def _solutions(root: Node, gold: int) -> list[TrainingChild]:
    answered = [end for end in root.walk() if end.answer is not None]
    right = [end for end in answered if end.answer == gold][:MAX_SOLUTIONS]
    wrong = [end for end in answered if end.answer != gold][:MAX_SOLUTIONS]
    return [_child(end.path.text, _outcomes(end, gold)) for end in (*right, *wrong)] if right and wrong else []


def _outcomes(node: Node, gold: int) -> list[int]:
    return [1 if end.answer == gold else -1 for end in node.walk() if end.terminal]


def _child(text: str, outcomes: Sequence[int]) -> TrainingChild:
    return TrainingChild(text=text, visits=len(outcomes), value=sum(outcomes) / len(outcomes))
