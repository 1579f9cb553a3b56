"""Tree: the steps found for one problem so far, grown node by node.

Guarantees: the same seed grows the same tree, if engine, sandbox and scorer hold to their protocols;
what was found before growing was cut short stays.
A path ends where the model ended its turn, its code failed, or its steps or code rounds are used up. It may
have an answer there unless its code failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from aimo_solver.rollouts.search.node import FAILED_VALUE, Node
from aimo_solver.rollouts.search.path import Step, StepEnd
from aimo_solver.rollouts.search.step_scorer import StepScorer
from aimo_solver.rollouts.search.step_source import StepSource
from aimo_solver.rollouts.seeds import step_seed
from aimo_solver.utils.aio import together

FindAnswer = Callable[[str], int | None]
"""From what the model wrote to the answer in it."""


class Tree:
    """One tree. Grow it from one task."""

    def __init__(
        self, source: StepSource, scorer: StepScorer, *, find_answer: FindAnswer, max_depth: int, seed: int
    ) -> None:
        """Paths have at most `max_depth` steps."""
        self._source, self._scorer, self._find_answer = source, scorer, find_answer
        self._max_depth, self._seed = max_depth, seed
        self.root = Node()
        self.spent = False
        """Whether the tree's tokens are used up."""
        self._answered: list[Node] = []
        self._votes = Counter[int]()
        """How many of the answered nodes have an answer."""

    async def grow(self, nodes: Sequence[Node], count: int) -> None:
        """Gives each node `count` next steps, fewer where tokens run out, and counts what they are worth.

        A node that gets none is closed.
        """
        steps, max_tokens = self._source.affordable(len(nodes), count)
        if steps == 0:
            self.spent = True
            return
        sampled = await together(
            [self._source.sample(node.path, self._seeds(node, steps), max_tokens) for node in nodes]
        )
        added: list[Node] = []
        for node, drafts in zip(nodes, sampled, strict=True):
            for draft in drafts:
                added.append(self._add(node, await self._source.run(node.path, draft)))
        await self._value(added)
        for node in nodes:
            node.close()

    def value(self, node: Node) -> float:
        """Returns an answered node's score or, without one, the share of the answers so far that equal its own."""
        if node.score is not None:
            return node.score
        assert node.answer is not None
        return self._votes[node.answer] / len(self._answered)

    def best(self) -> Node | None:
        """Returns the answered node with the highest value, the first one of a tie.

        Nodes with a score come first: a score and a share of answers cannot be compared.
        """
        return max(self._answered, key=lambda node: (node.score is not None, self.value(node)), default=None)

    def most_promising(self) -> Node:
        """Returns the node to ask for an answer when there is none: at each level the best step that can be asked.

        Of steps that are equally good, one with which the model ended its turn: nothing is missing but the answer.
        """
        node = self.root
        while askable := [child for child in node.children if _can_be_asked(child.path.steps[-1])]:
            node = max(askable, key=lambda child: (child.prior, child.path.steps[-1].end is StepEnd.TURN))
        return node

    def _seeds(self, node: Node, count: int) -> list[int]:
        return [step_seed(self._seed, node.place, sample) for sample in range(count)]

    def _add(self, parent: Node, step: Step) -> Node:
        path = parent.path + step
        terminal = not step.continues or len(path.steps) == self._max_depth
        node = Node(path=path, parent=parent, place=(*parent.place, len(parent.children)), terminal=terminal)
        if step.failed:
            node.visits, node.total = 1, FAILED_VALUE
        elif terminal:
            node.answer = self._find_answer(path.said)
        if node.answer is not None:
            self._answered.append(node)
            self._votes[node.answer] += 1
        parent.children.append(node)
        return node

    async def _value(self, added: Sequence[Node]) -> None:
        sound = [node for node in added if not node.failed]
        for node, score in zip(sound, await self._scorer.scores([node.path for node in sound]), strict=True):
            node.score = score
        for node in sound:
            if node.answer is not None:
                node.back_up(self.value(node))


def _can_be_asked(step: Step) -> bool:
    """Whether the answer can be asked for after the step: another step could follow, or the model ended its turn."""
    return step.continues or step.end is StepEnd.TURN
