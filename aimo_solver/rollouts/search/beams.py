"""Beam search and DVTS over steps: the best steps of each level are continued, all beams at once.

DVTS (diverse verifier tree search, Hugging Face's scaling of test-time compute) splits the first steps
among the beams; each beam then stays in a subtree of its own, regardless of the others' scores.
A beam is done when nothing can follow its best step. Without a scorer the first step is the best.
"""

from __future__ import annotations

from collections.abc import Sequence

from aimo_solver.config.settings import SearchSettings
from aimo_solver.rollouts.search.node import Node
from aimo_solver.rollouts.search.tree import Tree

DEFAULT_BEAMS = 4


async def dvts(tree: Tree, settings: SearchSettings) -> None:
    """Grows one subtree per beam, greedily, until all are done or the tree's tokens are used up."""
    width = settings.width or DEFAULT_BEAMS
    await tree.grow([tree.root], width * settings.samples)
    families = [tree.root.children[beam::width] for beam in range(width)]
    while beams := _open([node for family in families for node in _best(family, 1)]):
        await tree.grow(beams, settings.samples)
        families = [beam.children for beam in beams]


async def beam_search(tree: Tree, settings: SearchSettings) -> None:
    """Keeps the best steps of each level, until none of them can be continued or the tree's tokens are used up."""
    width = settings.width or DEFAULT_BEAMS
    await tree.grow([tree.root], width * settings.samples)
    level = tree.root.children
    while beams := _open(_best(level, width)):
        await tree.grow(beams, settings.samples)
        level = [child for beam in beams for child in beam.children]


def _best(nodes: Sequence[Node], count: int) -> list[Node]:
    """Returns the nodes with the highest scores, the first ones of a tie; never a step whose code failed."""
    return sorted((node for node in nodes if not node.failed), key=lambda node: -node.prior)[:count]


def _open(nodes: Sequence[Node]) -> list[Node]:
    """Returns the nodes that can be continued."""
    return [node for node in nodes if not node.terminal]
