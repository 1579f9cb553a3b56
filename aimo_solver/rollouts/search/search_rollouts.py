"""SearchRollouts: rollouts that are trees of steps, so that the solver's vote is over several trees.

Guarantees what a rollout's does (rollout.py): it ends by its deadline, with a StopReason; all generated
tokens of the tree together stay within `max_tokens`, but for the flush; whatever fails in it ends this tree
only; cancelling it frees its engine slots and sessions. What it had found when it was cut short counts.
Its trajectory is the tree's best path, a turn a step; what the other branches took are its side tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aimo_solver.config.settings import RolloutSettings, SearchMethod, SearchSettings
from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.prompt import encode_prompt
from aimo_solver.engine.base import Completion, Engine, Scorer
from aimo_solver.errors import EngineError, SandboxError
from aimo_solver.problems.problem import AnswerRule
from aimo_solver.rollouts.base import RolloutObserver, RolloutTask
from aimo_solver.rollouts.generation import Writing
from aimo_solver.rollouts.rollout import flush_seconds
from aimo_solver.rollouts.search.beams import beam_search, dvts
from aimo_solver.rollouts.search.judge import Judge
from aimo_solver.rollouts.search.mcts import mcts
from aimo_solver.rollouts.search.node import Node
from aimo_solver.rollouts.search.path_sessions import PathSessions
from aimo_solver.rollouts.search.step_source import StepSource
from aimo_solver.rollouts.search.tree import Tree
from aimo_solver.rollouts.seeds import turn_seed
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.sandbox.base import Sandbox
from aimo_solver.utils.log import Log, unbreakable

TreeFinished = Callable[[RolloutTask, Node], None]
"""Is given the root of a tree that has ended, whatever ended it but cancellation."""


def forget_tree(task: RolloutTask, root: Node) -> None:
    """For those who only want the answer."""


_METHODS = {SearchMethod.MCTS: mcts, SearchMethod.BEAM: beam_search, SearchMethod.DVTS: dvts}


@dataclass(frozen=True, slots=True)
class _Parts:
    """What every tree is made with."""

    engine: Engine
    sandbox: Sandbox
    dialect: Dialect
    settings: RolloutSettings
    search: SearchSettings
    rule: AnswerRule
    scorer: Scorer | None
    observer: RolloutObserver
    log: Log
    tree_finished: TreeFinished


class SearchRollouts:
    """RolloutSource whose rollouts are trees."""

    def __init__(
        self,
        engine: Engine,
        sandbox: Sandbox,
        dialect: Dialect,
        settings: RolloutSettings,
        search: SearchSettings,
        rule: AnswerRule,
        scorer: Scorer | None = None,
        observer: RolloutObserver | None = None,
        log: Log = lambda line: None,
        tree_finished: TreeFinished = forget_tree,
    ) -> None:
        """`log` is told of what ended a tree, or its scorer, and should not have."""
        self._parts = _Parts(
            engine,
            sandbox,
            dialect,
            settings,
            search,
            rule,
            scorer,
            observer or RolloutObserver(),
            unbreakable(log),
            tree_finished,
        )

    @property
    def lost_seconds(self) -> float:
        return self._parts.engine.down_seconds

    def open(self, task: RolloutTask) -> SearchRollout:
        return SearchRollout(task, self._parts)


class SearchRollout:
    """One tree. Run it once."""

    def __init__(self, task: RolloutTask, parts: _Parts) -> None:
        self.task = task
        self._parts = parts
        self._loop = asyncio.get_running_loop()
        self._started_at = self._loop.time()
        engine, dialect, settings = parts.engine, parts.dialect, parts.settings
        prompt = encode_prompt(dialect, task.problem.text, engine.tokenizer, settings.prefill)
        self._prompt_tokens = len(prompt)
        self._sessions = PathSessions(parts.sandbox, settings.code_timeout_seconds or dialect.tool.timeout_seconds)
        self._source = StepSource(engine, self._sessions, dialect, settings, parts.search, prompt, self._generated)
        judge = Judge(parts.scorer, dialect, task.problem.text, self._log, settings.prefill)
        self._tree = Tree(self._source, judge, self._find_answer, parts.search.depth, task.seed)
        self._flush_writing: Writing | None = None
        self._flush_seconds = 0.0

    @property
    def tokens(self) -> int:
        """Generated so far, in all branches."""
        return self._source.tokens

    async def run(self) -> Trajectory:
        """The tree, to its end."""
        try:
            async with self.task.deadline.limit():
                reason = await self._grow()
                if self._answer() is None:
                    await self._flush()
        except TimeoutError:
            reason = StopReason.DEADLINE
        except EngineError:
            reason = StopReason.ENGINE_FAILED
        except SandboxError:
            reason = StopReason.SANDBOX_FAILED
        except Exception as error:  # noqa: BLE001  Whatever it is, it is this tree's alone.
            reason = StopReason.FAILED
            self._log(f"{type(error).__name__}: {error}")
        finally:
            await self._sessions.close()
        answer = self._answer()
        if answer is not None:
            reason = StopReason.ANSWERED if self._flush_writing is None else StopReason.FLUSHED
        trajectory = self._trajectory(reason, answer)
        self._tell(trajectory)
        return trajectory

    def cancelled(self) -> Trajectory:
        """What it left when it was cancelled: no answer, so no vote."""
        return self._trajectory(StopReason.CANCELLED, None)

    async def _grow(self) -> StopReason:
        """Searches until the method is done, or the tree has to be cut short; says why."""
        search, reserve_seconds = self._parts.search, flush_seconds(self._parts.settings, self.task)
        try:
            async with self.task.deadline.limit(before_seconds=reserve_seconds):
                await _METHODS[search.method](self._tree, search)
        except TimeoutError:
            return StopReason.DEADLINE
        return StopReason.TOKEN_LIMIT if self._tree.spent else StopReason.NO_ANSWER

    async def _flush(self) -> None:
        """Asks the most promising path for its answer."""
        path = self._tree.most_promising().path
        self._flush_writing = self._source.closing(path)
        try:
            await self._source.flush(path, self._flush_writing, turn_seed(self.task.seed, len(path.steps)))
        finally:
            self._flush_seconds = self._loop.time() - self._flush_writing.started_at

    def _answer(self) -> int | None:
        """The best answered node's, else the flush's own, else that of the path that was asked."""
        best = self._tree.best()
        if best is not None:
            return best.answer
        flushed = self._flush_turn()
        asked = None if flushed is None else self._find_answer(flushed.text)
        written = self._tree.most_promising().path.written + (flushed.text if flushed else "")
        return self._find_answer(written) if asked is None else asked

    def _flush_turn(self) -> Turn | None:
        writing = self._flush_writing
        if writing is None:
            return None
        return Turn(
            text=writing.opening + self._parts.engine.tokenizer.decode(writing.token_ids),
            tokens=len(writing.token_ids),
            seconds=self._flush_seconds,
            flush=True,
        )

    def _trajectory(self, reason: StopReason, answer: int | None) -> Trajectory:
        best = self._tree.best()
        path = (best or self._tree.most_promising()).path
        flushed = self._flush_turn()
        turns = tuple(step.turn() for step in path.steps) + ((flushed,) if flushed else ())
        return Trajectory(
            problem_id=self.task.problem.id,
            run=self.task.run,
            rollout=self.task.index,
            seed=self.task.seed,
            prompt_tokens=self._prompt_tokens,
            turns=turns,
            answer=answer,
            stop_reason=reason,
            started_seconds=self._started_at - self.task.problem_started_at,
            seconds=self._loop.time() - self._started_at,
            side_tokens=self.tokens - sum(turn.tokens for turn in turns),
            score=None if best is None else best.score,
        )

    def _tell(self, trajectory: Trajectory) -> None:
        for turn in trajectory.turns:
            self._parts.observer.turn_finished(self.task.index, turn)
        try:
            self._parts.tree_finished(self.task, self._tree.root)
        except Exception as error:  # noqa: BLE001  Whoever looks at a tree must not cost its answer.
            self._log(f"the finished tree was not taken: {type(error).__name__}: {error}")

    def _generated(self, piece: Completion) -> None:
        self.task.spend(len(piece.token_ids))
        self._parts.observer.generated(self.task.index, piece)

    def _find_answer(self, written: str) -> int | None:
        return self._parts.dialect.find_answer(written, self._parts.rule)

    def _log(self, line: str) -> None:
        self._parts.log(f"{self.task.problem.id}, rollout {self.task.index}: {line}")
