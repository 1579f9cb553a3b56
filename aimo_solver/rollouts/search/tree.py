"""Tree: the steps found for one problem so far, grown node by node.

Guarantees: the same seed grows the same tree, if engine, sandbox and scorer hold to their protocols;
what was found when growing is cut short stays.
A path is at its end where the model ended its turn, its code failed, its steps or code rounds are used
up. It may have an answer there unless its code failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from aimo_solver.rollouts.search.judge import Judge
from aimo_solver.rollouts.search.node import FAILED_VALUE, Node
from aimo_solver.rollouts.search.path import Path, Step
from aimo_solver.rollouts.search.step_source import StepSource
from aimo_solver.rollouts.seeds import step_seed
from aimo_solver.utils.aio import together

FindAnswer = Callable[[str], int | None]
"""In what the model wrote."""


class Tree:
    """One tree. Grow it from one task."""

    def __init__(self, source: StepSource, judge: Judge, find_answer: FindAnswer, depth: int, seed: int) -> None:
        """Paths have `depth` steps at most."""
        self._source, self._judge, self._find_answer = source, judge, find_answer
        self._depth, self._seed = depth, seed
        self.root = Node(Path())
        self.spent = False
        """Whether the tree's tokens are used up."""
        self._answered: list[Node] = []
        self._votes = Counter[int]()
        """How many of them have an answer."""

    async def grow(self, nodes: Sequence[Node], count: int) -> None:
        """Gives each node `count` next steps, fewer where tokens run out, and counts what they are worth.

        A node that gets none is closed.
        """
        steps, max_tokens = self._source.affordable(len(nodes), count)
        if steps == 0:
            self.spent = True
            return
        drawn = await together([self._source.sample(node.path, self._seeds(node, steps), max_tokens) for node in nodes])
        born: list[Node] = []
        for node, drafts in zip(nodes, drawn, strict=True):
            for draft in drafts:
                born.append(self._add(node, await self._source.run(node.path, draft)))
        await self._value(born)
        for node in nodes:
            node.close()

    def value(self, node: Node) -> float:
        """Of an answered node: its score; without one, the share of the answers so far that are its own."""
        if node.score is not None:
            return node.score
        assert node.answer is not None
        return self._votes[node.answer] / len(self._answered)

    def best(self) -> Node | None:
        """The answered node of the highest value, of equal ones the first found.

        Those with a score come first: a share of answers is no number to hold against it.
        """
        return max(self._answered, key=lambda node: (node.score is not None, self.value(node)), default=None)

    def most_promising(self) -> Node:
        """Where to ask for an answer when there is none: from the root the best step of each level that goes on."""
        node = self.root
        while going_on := [child for child in node.children if child.path.steps[-1].goes_on]:
            node = max(going_on, key=lambda child: child.prior)
        return node

    def _seeds(self, node: Node, count: int) -> list[int]:
        return [step_seed(self._seed, node.place, sample) for sample in range(count)]

    def _add(self, parent: Node, step: Step) -> Node:
        path = parent.path + step
        terminal = not step.goes_on or len(path.steps) == self._depth
        node = Node(path, parent, (*parent.place, len(parent.children)), terminal)
        if step.failed:
            node.visits, node.total = 1, FAILED_VALUE
        elif terminal:
            node.answer = self._find_answer(path.written)
        if node.answer is not None:
            self._answered.append(node)
            self._votes[node.answer] += 1
        parent.children.append(node)
        return node

    async def _value(self, born: Sequence[Node]) -> None:
        sound = [node for node in born if not node.failed]
        for node, score in zip(sound, await self._judge.scores([node.path for node in sound]), strict=True):
            node.score = score
        for node in sound:
            if node.answer is not None:
                node.back_up(self.value(node))
