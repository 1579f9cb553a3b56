"""Training rows: what a finished tree teaches a process preference model about steps. Pure.

rStar-Math (arXiv 2501.04519) learns from pairs of siblings whose Q/N lie far apart.
"""

from __future__ import annotations

from typing import Any

from aimo_solver.problem import Problem
from aimo_solver.search.node import Node


def training_rows(problem: Problem, root: Node) -> list[dict[str, Any]]:
    """A row for every node that has steps: `{"problem", "prefix", "children": [{"text", "visits", "value"}]}`.

    Texts include outputs: prefix and a child's text, joined, are what a scorer reads. `value` is Q/N in
    [-1, 1], and None without a visit.
    """
    return [
        {"problem": problem.text, "prefix": node.path.text, "children": [_child(child) for child in node.children]}
        for node in root.walk()
        if node.children
    ]


def _child(node: Node) -> dict[str, Any]:
    step = node.path.steps[-1]
    return {"text": step.text + step.shown, "visits": node.visits, "value": node.mean if node.visits else None}
