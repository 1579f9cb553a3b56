"""SearchRollouts: rollouts that are trees of steps, so that the solver's vote is over several trees.

Guarantees those of a rollout's life cycle (life_cycle.py), and: all generated tokens of the tree together, the
flush's too, stay within `max_tokens`; what it had found when it was cut short counts.
Its trajectory is the tree's best path, one turn per step; the other branches' tokens are its side tokens.
"""

from __future__ import annotations

from collections.abc import Callable

from aimo_solver.config.names import SearchMethod
from aimo_solver.config.settings import SearchSettings
from aimo_solver.dialects.prompt import encode_prompt
from aimo_solver.engine.base import Completion, Scorer
from aimo_solver.rollouts.base import RolloutTask
from aimo_solver.rollouts.code_tool import CodeTool
from aimo_solver.rollouts.generation import Generation
from aimo_solver.rollouts.life_cycle import RolloutLifeCycle
from aimo_solver.rollouts.parts import RolloutParts
from aimo_solver.rollouts.search.beams import beam_search, dvts
from aimo_solver.rollouts.search.mcts import mcts
from aimo_solver.rollouts.search.node import Node
from aimo_solver.rollouts.search.path_sessions import PathSessions
from aimo_solver.rollouts.search.step_scorer import StepScorer
from aimo_solver.rollouts.search.step_source import StepSource
from aimo_solver.rollouts.search.tree import Tree
from aimo_solver.rollouts.seeds import turn_seed
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn

TreeFinished = Callable[[RolloutTask, Node], None]
"""Is called with the root of every tree that has ended, unless it was cancelled."""


def forget_tree(task: RolloutTask, root: Node) -> None:
    """Does nothing with the tree, where only its answer is wanted."""


_METHODS = {SearchMethod.MCTS: mcts, SearchMethod.BEAM: beam_search, SearchMethod.DVTS: dvts}


class SearchRollouts:
    """RolloutSource whose rollouts are trees."""

    def __init__(
        self,
        parts: RolloutParts,
        *,
        search: SearchSettings,
        scorer: Scorer | None = None,
        tree_finished: TreeFinished = forget_tree,
    ) -> None:
        self._parts, self._search, self._scorer, self._tree_finished = parts, search, scorer, tree_finished

    @property
    def lost_seconds(self) -> float:
        return self._parts.engine.down_seconds

    def open(self, task: RolloutTask) -> SearchRollout:
        return SearchRollout(
            task, self._parts, search=self._search, scorer=self._scorer, tree_finished=self._tree_finished
        )


class SearchRollout(RolloutLifeCycle):
    """One tree. Run it once."""

    def __init__(
        self,
        task: RolloutTask,
        parts: RolloutParts,
        *,
        search: SearchSettings,
        scorer: Scorer | None,
        tree_finished: TreeFinished,
    ) -> None:
        dialect, settings, text = parts.dialect, parts.settings, task.problem.text
        prompt = encode_prompt(dialect, text, parts.engine.tokenizer, prompt=parts.prompt, prefill=settings.prefill)
        super().__init__(task, parts, prompt_tokens=len(prompt))
        self._search, self._tree_finished = search, tree_finished
        self._sessions = PathSessions(parts.sandbox, CodeTool(dialect, settings).timeout_seconds)
        self._source = StepSource(
            parts, sessions=self._sessions, search=search, prompt_token_ids=prompt, generated=self._generated
        )
        step_scorer = StepScorer(
            scorer,
            dialect=dialect,
            problem_text=text,
            log=self._log,
            prompt=parts.prompt,
            prefill=settings.prefill,
        )
        self._tree = Tree(
            self._source, step_scorer, find_answer=self._find_answer, max_depth=search.depth, seed=task.seed
        )
        self._flush_generation: Generation | None = None
        self._flush_seconds = 0.0

    @property
    def tokens(self) -> int:
        """Tokens generated so far, on all branches."""
        return self._source.tokens

    async def _attempt(self) -> StopReason:
        """Searches until the method is done, or the tree's tokens are used up."""
        await _METHODS[self._search.method](self._tree, self._search)
        return StopReason.TOKEN_LIMIT if self._tree.spent else StopReason.NO_ANSWER

    async def _flush(self) -> None:
        """Asks the most promising path for its answer."""
        path = self._tree.most_promising().path
        if self._source.flush_room_tokens(path) < 1:
            return
        self._flush_generation = self._source.closing(path)
        try:
            await self._source.flush(path, self._flush_generation, turn_seed(self.task.seed, len(path.steps)))
        finally:
            self._flush_seconds = self._loop.time() - self._flush_generation.started_at

    async def _close(self) -> None:
        await self._sessions.close()

    def _answer(self) -> int | None:
        """Returns the best answered node's answer, else the flush's own, else that of the path that was asked."""
        best = self._tree.best()
        if best is not None:
            return best.answer
        said, generation = self._tree.most_promising().path.said, self._flush_generation
        if generation is None:
            return self._find_answer(said)
        asked = generation.opening + self._engine.tokenizer.decode(generation.said_token_ids)
        flushed = self._find_answer(asked)
        return self._find_answer(said + asked) if flushed is None else flushed

    def _all_turns(self) -> tuple[Turn, ...]:
        path = (self._tree.best() or self._tree.most_promising()).path
        flush_turn = self._flush_turn()
        return tuple(step.as_turn() for step in path.steps) + ((flush_turn,) if flush_turn else ())

    def _score(self) -> float | None:
        best = self._tree.best()
        return None if best is None else best.score

    def _ended(self, trajectory: Trajectory) -> None:
        for turn in trajectory.turns:
            self._observer.turn_finished(self.task.index, turn)
        try:
            self._tree_finished(self.task, self._tree.root)
        except Exception as error:  # noqa: BLE001  A look at the tree must not cost its answer.
            self._log(f"the finished tree could not be kept: {type(error).__name__}: {error}")

    def _flush_turn(self) -> Turn | None:
        generation = self._flush_generation
        if generation is None:
            return None
        return Turn(
            text=generation.opening + self._engine.tokenizer.decode(generation.token_ids),
            tokens=len(generation.token_ids),
            seconds=self._flush_seconds,
            flush=True,
        )

    def _generated(self, piece: Completion) -> None:
        self.task.spend(len(piece.token_ids))
        self._observer.generated(self.task.index, piece)
