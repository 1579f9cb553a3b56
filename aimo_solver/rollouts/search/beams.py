"""Beam search and DVTS over steps: at each level the best steps go on, all beams sampled at once.

DVTS (diverse verifier tree search, Hugging Face's scaling of test-time compute) splits the first steps
among the beams; each then stays in a subtree of its own, whatever the others' scores are.
A beam whose best step has nothing behind it is done. Without a scorer the first step is the best.
"""

from __future__ import annotations

from collections.abc import Sequence

from aimo_solver.config.settings import SearchSettings
from aimo_solver.rollouts.search.node import Node
from aimo_solver.rollouts.search.tree import Tree

WIDTH = 4


async def dvts(tree: Tree, settings: SearchSettings) -> None:
    """Grows a subtree a beam, greedily, until all are done or the tree's tokens are used up."""
    width = settings.width or WIDTH
    await tree.grow([tree.root], width * settings.samples)
    families = [tree.root.children[beam::width] for beam in range(width)]
    while beams := _going_on([node for family in families for node in _best(family, 1)]):
        await tree.grow(beams, settings.samples)
        families = [beam.children for beam in beams]


async def beam_search(tree: Tree, settings: SearchSettings) -> None:
    """Keeps the best steps of each level, until none of them goes on or the tree's tokens are used up."""
    width = settings.width or WIDTH
    await tree.grow([tree.root], width * settings.samples)
    level = tree.root.children
    while beams := _going_on(_best(level, width)):
        await tree.grow(beams, settings.samples)
        level = [child for beam in beams for child in beam.children]


def _best(nodes: Sequence[Node], count: int) -> list[Node]:
    """Those of the highest scores, of equal ones the first; steps whose code failed are not among them."""
    return sorted((node for node in nodes if not node.failed), key=lambda node: -node.prior)[:count]


def _going_on(nodes: Sequence[Node]) -> list[Node]:
    return [node for node in nodes if not node.terminal]
