"""Monte-Carlo tree search over steps, as rStar-Math does it (arXiv 2501.04519).

A simulation descends from the root to a node where nothing follows: a node without steps gets its steps
sampled, the answers among them are counted for all nodes above, and the simulation continues with the
child that `Node.choose` returns. A simulation that ends at a node none of whose steps has an answer counts
that node with -1: the paper does not say so, but without it the next simulation would take the same way
again, but for one step.
"""

from __future__ import annotations

from aimo_solver.config.settings import SearchSettings
from aimo_solver.rollouts.search.node import FAILED_VALUE
from aimo_solver.rollouts.search.tree import Tree

DEFAULT_WIDTH = 32


async def mcts(tree: Tree, settings: SearchSettings) -> None:
    """Runs the simulations: fewer when the tree is complete, or its tokens are used up."""
    for _ in range(settings.simulations):
        if tree.spent or tree.root.closed:
            return
        await _simulate(tree, settings.width or DEFAULT_WIDTH, settings.exploration)


async def _simulate(tree: Tree, width: int, exploration: float) -> None:
    node, child = tree.root, tree.root
    while child is not None:
        node = child
        if not node.children:
            await tree.grow([node], width)
        if tree.spent:
            return
        child = node.choose(exploration)
    if all(child.answer is None for child in node.children):
        node.back_up(FAILED_VALUE)
