"""Node: a step in a tree, and what is known of its worth.

N and Q are rStar-Math's (arXiv 2501.04519): how many answers below the node were counted, and the sum of
their values. A step whose code failed counts once, with -1, for itself alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from aimo_solver.rollouts.search.path import Path

FAILED_VALUE = -1.0


@dataclass(slots=True, eq=False, kw_only=True)
class Node:
    """The end of a path. The root's path has no steps."""

    path: Path = field(default_factory=Path)
    parent: Node | None = None
    place: tuple[int, ...] = ()
    """Where the node is in the tree: the index of a child at each level."""
    terminal: bool = False
    """Whether nothing follows it."""
    answer: int | None = None
    """The answer of a terminal node, if it has one."""
    score: float | None = None
    """The scorer's, in [-1, 1]; None where there is no scorer."""
    children: list[Node] = field(default_factory=list["Node"])
    visits: int = 0
    """N."""
    total: float = 0.0
    """Q."""
    closed: bool = False
    """Whether all steps below it have been found."""

    @property
    def failed(self) -> bool:
        """Whether its step's code failed."""
        return bool(self.path.steps) and self.path.steps[-1].failed

    @property
    def mean(self) -> float:
        """Q/N of a visited node."""
        return self.total / self.visits

    @property
    def prior(self) -> float:
        """Its worth before it is visited: the score, or 0."""
        return 0.0 if self.score is None else self.score

    def walk(self) -> Iterator[Node]:
        """Yields the node and all nodes below it, in the order of their places."""
        yield self
        for child in self.children:
            yield from child.walk()

    def back_up(self, value: float) -> None:
        """Counts a value for the node and all its ancestors."""
        node: Node | None = self
        while node is not None:
            node.visits += 1
            node.total += value
            node = node.parent

    def close(self) -> None:
        """Closes the node if nothing is left to be found below it, and then its ancestors likewise."""
        node: Node | None = self
        while node is not None and all(child.terminal or child.closed for child in node.children):
            node.closed = True
            node = node.parent

    def choose(self, exploration: float) -> Node | None:
        """Returns the child to continue with; None when no child can be continued.

        Children without a visit come first, in the order of their scores: the formula is infinite
        there. Then argmax Q/N + c sqrt(ln N_parent / N). The first child wins a tie.
        """

        def rank(child: Node) -> tuple[bool, float]:
            if child.visits == 0:
                return True, child.prior
            return False, child.mean + exploration * math.sqrt(math.log(self.visits) / child.visits)

        return max((child for child in self.children if not (child.terminal or child.closed)), key=rank, default=None)
