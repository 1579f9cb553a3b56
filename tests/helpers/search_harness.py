"""SearchHarness: grows one tree of steps with a scripted model, scorer and sandbox."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypedDict, Unpack

from aimo_solver.config.names import SearchMethod
from aimo_solver.config.settings import RolloutSettings, SearchSettings
from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.numina import NuminaDialect
from aimo_solver.engine.base import Sampling, Tokenizer
from aimo_solver.engine.scripted import Reply, ScriptedEngine
from aimo_solver.problems.problem import ANY_INTEGER
from aimo_solver.rollouts.base import RolloutTask
from aimo_solver.rollouts.parts import RolloutParts
from aimo_solver.rollouts.search import SearchRollouts
from aimo_solver.rollouts.search.node import Node
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.solver.observer import Observer
from aimo_solver.utils.deadline import Deadline
from tests.helpers.fakes import PROBLEM, PROMPT, TOKENIZER, InProcessSandbox, boxed

SETTINGS = RolloutSettings(max_tokens=1_000_000, flush_seconds=2.0)
MCTS = SearchSettings(simulations=1, depth=4, width=2)
DVTS = SearchSettings(method=SearchMethod.DVTS, depth=4, width=2, samples=2)
BEAM = replace(DVTS, method=SearchMethod.BEAM)
METHODS = (MCTS, DVTS, BEAM)
TWO_WAYS = {
    "": ["left\n\n", "right\n\n"],
    "left\n\n": [boxed(1), boxed(2)],
    "right\n\n": [boxed(3), "on\n\n"],
    "right\n\non\n\n": [boxed(4), boxed(5)],
}
WORTH = {"left": 0.5, "right": 0.2, boxed(1): 0.4, boxed(2): -0.2, boxed(3): 0.6, "on": 0.0, boxed(4): -0.4}
"""Scores by how a step begins; the fifth answer's is 0."""

Script = Mapping[str, Sequence[Reply | str]]
"""From the text after the prompt to the steps that are generated there, in turn."""


class ScriptedScorer:
    """Scores texts by a function of what follows the prompt."""

    def __init__(self, score: Callable[[str], float]) -> None:
        self._score = score
        self.asked: list[str] = []

    @property
    def tokenizer(self) -> Tokenizer:
        return TOKENIZER

    async def score(self, texts: Sequence[Sequence[int]]) -> list[float]:
        read = [TOKENIZER.decode(text).removeprefix(PROMPT) for text in texts]
        self.asked += read
        return [self._score(text) for text in read]


def scores(values: Mapping[str, float]) -> ScriptedScorer:
    """Returns a scorer that scores a text by how its last step begins; 0 for others."""

    def score(text: str) -> float:
        last = text.removesuffix("\n\n").rpartition("\n\n")[2]
        return next((value for begin, value in values.items() if last.startswith(begin)), 0.0)

    return ScriptedScorer(score)


@dataclass
class SearchHarness:
    """Grows one tree of a scripted model. Make and use it inside a running loop."""

    script: Script | Callable[[str, Sampling], Reply]
    search: SearchSettings
    settings: RolloutSettings = SETTINGS
    scorer: ScriptedScorer | None = None
    dialect: Dialect = field(default_factory=NuminaDialect)
    sandbox: InProcessSandbox = field(default_factory=InProcessSandbox)
    observer: Observer = field(default_factory=Observer)
    context_tokens: int = 4096
    seed: int = 7
    seconds: float = 1000.0
    roots: list[Node] = field(default_factory=list[Node])
    lines: list[str] = field(default_factory=list[str])
    engine: ScriptedEngine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = ScriptedEngine(self._reply, tokenizer=TOKENIZER, context_tokens=self.context_tokens)
        self._drawn = Counter[str]()

    @property
    def root(self) -> Node:
        return self.roots[0]

    def rollouts(self) -> SearchRollouts:
        return SearchRollouts(
            RolloutParts(
                engine=self.engine,
                sandbox=self.sandbox,
                dialect=self.dialect,
                settings=self.settings,
                rule=ANY_INTEGER,
                observer=self.observer,
                log=self.lines.append,
            ),
            search=self.search,
            scorer=self.scorer,
            tree_finished=lambda task, root: self.roots.append(root),
        )

    def task(self) -> RolloutTask:
        now = asyncio.get_running_loop().time()
        return RolloutTask(
            problem=PROBLEM,
            run=0,
            index=0,
            seed=self.seed,
            problem_started_at=now,
            deadline=Deadline(now + self.seconds),
        )

    async def run(self) -> Trajectory:
        await self.engine.start()
        rollout = self.rollouts().open(self.task())
        trajectory = await rollout.run()
        assert self.sandbox.open_sessions == 0
        assert not self.engine.active_requests
        assert trajectory.tokens == rollout.tokens
        return trajectory

    def _reply(self, prompt_text: str, sampling: Sampling) -> Reply:
        text = prompt_text.removeprefix(PROMPT)
        if callable(self.script):
            return self.script(text, sampling)
        steps = self.script[text]
        step = steps[self._drawn[text] % len(steps)]
        self._drawn[text] += 1
        return step if isinstance(step, Reply) else Reply(step)


class HarnessParts(TypedDict, total=False):
    """What a test may set of a SearchHarness."""

    settings: RolloutSettings
    scorer: ScriptedScorer
    dialect: Dialect
    sandbox: InProcessSandbox
    context_tokens: int
    seed: int
    seconds: float


def grow(
    script: Script | Callable[[str, Sampling], Reply], search: SearchSettings, **parts: Unpack[HarnessParts]
) -> GrownTree:
    """Grows one tree on a virtual clock."""

    async def story() -> GrownTree:
        harness = SearchHarness(script, search, **parts)
        return GrownTree(await harness.run(), harness)

    return run_virtual(story())


@dataclass(frozen=True)
class GrownTree:
    """A tree that has ended, and the harness that grew it."""

    trajectory: Trajectory
    harness: SearchHarness

    @property
    def root(self) -> Node:
        return self.harness.root


def node_at(root: Node, *place: int) -> Node:
    """Returns the node at a place: the index of a child at each level."""
    for index in place:
        root = root.children[index]
    return root


def numbered(text: str, sampling: Sampling) -> Reply:
    """Replies with steps that depend on the seed, and some answers."""
    seed = sampling.seed or 0
    return Reply(boxed(seed % 5) if seed % 3 == 0 else f"step {seed % 7}\n\n")


def statistics(tree: GrownTree) -> list[tuple[tuple[int, ...], int, float]]:
    """Returns place, visits and total of every node."""
    return [(node.place, node.visits, round(node.total, 6)) for node in tree.root.walk()]
