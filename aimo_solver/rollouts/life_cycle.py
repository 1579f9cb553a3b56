"""RolloutLifeCycle: how a generated rollout runs, is asked for its answer, and ends.

Guarantees: it ends by its deadline whether or not a token arrives; every end has a StopReason; an answer
already written is not lost because of how the rollout ended; a rollout that ends without one, for whatever
reason, is asked for it once (a flush), within its tokens and its time, unless the engine has failed or its
confidence was too low to vote; an error in it ends this rollout only.
Cancelling it frees its engine slots and its sessions; `cancelled` then returns what it left.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Final

from aimo_solver.config.settings import RolloutSettings
from aimo_solver.errors import EngineError, SandboxError
from aimo_solver.rollouts.base import ContainedRolloutObserver, RolloutTask
from aimo_solver.rollouts.parts import RolloutParts
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.utils.contained import CONTAINABLE, contained, describe
from aimo_solver.utils.log import unbreakable

FLUSH_SHARE = 0.25
"""Before the deadline, at most this share of a problem's time is kept for a flush."""
FLUSH_TOKEN_SHARE = 0.5
"""A flush takes at most this share of a rollout's tokens."""
_NEVER_ASKED: Final = frozenset({StopReason.UNSURE, StopReason.ENGINE_FAILED})
"""How an attempt ends that is not asked for its answer: it is to cast no vote, or there is nothing to ask."""
_STOP_REASONS: Final[dict[type[Exception], StopReason]] = {
    TimeoutError: StopReason.DEADLINE,
    EngineError: StopReason.ENGINE_FAILED,
    SandboxError: StopReason.SANDBOX_FAILED,
}


def stop_reason(error: BaseException) -> StopReason:
    """Returns the stop reason of a rollout that `error` ended."""
    return next((reason for kind, reason in _STOP_REASONS.items() if isinstance(error, kind)), StopReason.FAILED)


class RolloutLifeCycle(ABC):
    """A LiveRollout whose subclasses decide what is generated. Run it once."""

    def __init__(self, task: RolloutTask, parts: RolloutParts, *, prompt_tokens: int) -> None:
        self.task = task
        self._prompt_tokens = prompt_tokens
        self._engine, self._dialect, self._settings = parts.engine, parts.dialect, parts.settings
        self._rule, self._forms = parts.rule, parts.forms
        self._write_line = unbreakable(parts.log)
        self._observer = ContainedRolloutObserver(parts.observer, self._write_line)
        self._loop = asyncio.get_running_loop()
        self._started_at = self._loop.time()
        self._flush_reserve_seconds = _flush_reserve_seconds(self._settings.flush_seconds, task)
        self._flush_reserve_tokens = flush_reserve_tokens(self._settings)
        self._flushed = False
        """Whether the answer, if there is one now, came from a flush."""
        self._ended_itself = False
        """Whether the model ended the attempt."""

    async def run(self) -> Trajectory:
        """Runs the rollout to its end."""
        reason = await self._run_to_end()
        answer = None if reason is StopReason.UNSURE else self._answer()
        if answer is not None:
            reason = StopReason.FLUSHED if self._flushed else StopReason.ANSWERED
        trajectory = self._trajectory(reason, answer)
        with contained(f"{self.task.problem.id}, rollout {self.task.index}: its end", self._write_line):
            self._ended(trajectory)
        return trajectory

    def cancelled(self) -> Trajectory:
        """Returns what the rollout left when it was cancelled: no answer, so no vote."""
        return self._trajectory(StopReason.CANCELLED, None)

    @property
    @abstractmethod
    def tokens(self) -> int:
        """Tokens generated so far."""

    @abstractmethod
    async def _attempt(self) -> StopReason:
        """Generates until there is nothing more to generate; says why.

        Is cut short by TimeoutError when only the time for a flush is left.
        """

    @abstractmethod
    async def _flush(self) -> None:
        """Closes the text and asks for the answer, if there is room. May be cut short by TimeoutError."""

    @abstractmethod
    async def _close(self) -> None:
        """Closes every session."""

    @abstractmethod
    def _answer(self) -> int | None:
        """Returns the answer that what has been generated so far commits to."""

    @abstractmethod
    def _all_turns(self) -> tuple[Turn, ...]:
        """Returns the trajectory's turns, as far as they have been generated."""

    @abstractmethod
    def _score(self) -> float | None:
        """Returns the trajectory's score; None where there is no scorer."""

    @abstractmethod
    def _ended(self, trajectory: Trajectory) -> None:
        """Is called with the trajectory of a rollout that was not cancelled."""

    async def _run_to_end(self) -> StopReason:
        reason = StopReason.DEADLINE
        try:
            async with self.task.deadline.limit():
                reason = await self._attempt_in_time()
                self._ended_itself = reason is StopReason.NO_ANSWER
                if reason not in _NEVER_ASKED and self._answer() is None:
                    self._flushed = True
                    await self._flush()
        except TimeoutError:  # A flush that is cut does not change why the attempt ended.
            pass
        except CONTAINABLE as error:  # An error must end this rollout only.
            reason = self._reason_of(error)
        finally:
            with contained(f"{self.task.problem.id}, rollout {self.task.index}: closing", self._write_line):
                await self._close()
        return reason

    async def _attempt_in_time(self) -> StopReason:
        try:
            async with self.task.deadline.limit(before_seconds=self._flush_reserve_seconds):
                return await self._attempt()
        except CONTAINABLE as error:  # What was written before the error can still be asked for its answer.
            return self._reason_of(error)

    def _reason_of(self, error: Exception | SystemExit) -> StopReason:
        reason = stop_reason(error)
        if reason is StopReason.FAILED:
            self._log(describe(error))
        return reason

    def _trajectory(self, reason: StopReason, answer: int | None) -> Trajectory:
        turns = self._all_turns()
        return Trajectory(
            problem_id=self.task.problem.id,
            run=self.task.run,
            rollout=self.task.index,
            seed=self.task.seed,
            prompt_tokens=self._prompt_tokens,
            turns=turns,
            answer=answer,
            stop_reason=reason,
            ended_itself=self._ended_itself,
            started_seconds=self._started_at - self.task.problem_started_at,
            seconds=self._loop.time() - self._started_at,
            side_tokens=self.tokens - sum(turn.tokens for turn in turns),
            score=self._score(),
        )

    def _find_answer(self, written: str) -> int | None:
        """Returns the answer that a text of the model's commits to."""
        return self._dialect.find_answer(written, self._rule, self._forms)

    def _log(self, line: str) -> None:
        self._write_line(f"{self.task.problem.id}, rollout {self.task.index}: {line}")


def flush_reserve_tokens(settings: RolloutSettings) -> int:
    """Returns how many of a rollout's tokens are kept to ask for the answer."""
    return min(settings.flush_tokens, int(FLUSH_TOKEN_SHARE * settings.max_tokens))


def _flush_reserve_seconds(flush_seconds: float, task: RolloutTask) -> float:
    """Returns the time kept before the deadline to ask for the answer."""
    return min(flush_seconds, FLUSH_SHARE * (task.deadline.at - task.problem_started_at))
