"""Nodes of a tree of steps, made by hand."""

from __future__ import annotations

from aimo_solver.rollouts.search.node import Node
from aimo_solver.rollouts.search.path import Step, StepEnd
from aimo_solver.sandbox.base import ExecutionStatus


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


def ended(parent: Node, text: str, answer: int | None) -> Node:
    end = child_of(parent, text=text, terminal=True)
    end.answer = answer
    return end
