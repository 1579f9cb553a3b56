"""Rollout: one attempt at a problem, generation and sandbox in turns, until an answer or a stated end.

Guarantees: ends by its deadline whether or not a token arrives; generated tokens are never
re-tokenised; every end has a StopReason; a box already written is not thrown away because of how
the rollout ended; what the code does is data. Whatever fails in it ends this rollout only. Cancelling it frees
its engine slot and its session; `cancelled` then tells what it left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from itertools import chain

from aimo_solver.config.settings import CodeMode, RolloutSettings
from aimo_solver.dialects.dialect import Dialect, shown_output
from aimo_solver.dialects.prompt import opened_thought
from aimo_solver.engine.base import Engine, FinishReason
from aimo_solver.errors import EngineError, SandboxError
from aimo_solver.problems.problem import AnswerRule
from aimo_solver.rollouts.base import RolloutObserver, RolloutTask
from aimo_solver.rollouts.confidence import ConfidenceGate, RunningGroup
from aimo_solver.rollouts.generation import Writing, drawn_by
from aimo_solver.rollouts.seeds import turn_seed
from aimo_solver.rollouts.trajectory import ENDED_BY_ITSELF, StopReason, Trajectory, Turn
from aimo_solver.sandbox.base import Sandbox, Session
from aimo_solver.sandbox.execution import ExecutionStatus
from aimo_solver.utils.log import Log

CLOSE_SECONDS = 2.0
"""The most that closing a session may take before it is left to the sandbox's own clean-up."""
DISABLED = "code execution is disabled"
NO_CODE = "there is no code to run: write a whole block first"
FLUSH_SHARE = 0.25
"""A flush takes at most this share of a problem's time."""


class Rollout:
    """One attempt. Run it once."""

    def __init__(
        self,
        task: RolloutTask,
        prompt_token_ids: Sequence[int],
        gate: ConfidenceGate | None,
        engine: Engine,
        sandbox: Sandbox,
        dialect: Dialect,
        settings: RolloutSettings,
        rule: AnswerRule,
        observer: RolloutObserver,
        log: Log,
    ) -> None:
        self.task = task
        self._engine, self._sandbox, self._dialect = engine, sandbox, dialect
        self._settings, self._rule, self._observer, self._log = settings, rule, observer, log
        self._loop = asyncio.get_running_loop()
        self._started_at = self._loop.time()
        self._flush_seconds = flush_seconds(settings, task)
        self._context: list[int] = list(prompt_token_ids)
        self._prompt_tokens = len(prompt_token_ids)
        self._opened = opened_thought(prompt_token_ids, engine.tokenizer)
        self._gate = gate
        self._group = None if gate is None else RunningGroup(gate.window_tokens)
        self._waits_left = settings.waits
        self._turns: list[Turn] = []
        self._writing: Writing | None = None
        self._opening = ""
        """What is written for the model at the start of its next turn."""
        self._session: Session | None = None

    @property
    def tokens(self) -> int:
        """Generated so far."""
        return sum(turn.tokens for turn in self._turns) + (len(self._writing.token_ids) if self._writing else 0)

    async def run(self) -> Trajectory:
        """The attempt, to its end."""
        try:
            async with self.task.deadline.limit():
                reason = await self._attempt()
                if reason not in (None, StopReason.UNSURE) and self._answer() is None:
                    await self._flush()
                    reason = StopReason.FLUSHED if self._answer() is not None else reason
        except TimeoutError:
            reason = StopReason.DEADLINE
        except EngineError:
            reason = StopReason.ENGINE_FAILED
        except SandboxError:
            reason = StopReason.SANDBOX_FAILED
        except Exception as error:  # noqa: BLE001  Whatever it is, it is this rollout's alone.
            reason = StopReason.FAILED
            self._log(f"{self.task.problem.id}, rollout {self.task.index}: {type(error).__name__}: {error}")
        finally:
            self._finish_turn()
            await self._close_session()
        if reason is StopReason.UNSURE:
            return self._trajectory(reason, None)
        answer = self._answer()
        if answer is not None and reason is not StopReason.FLUSHED:
            reason = StopReason.ANSWERED
        trajectory = self._trajectory(reason or StopReason.NO_ANSWER, answer)
        if self._gate is not None and trajectory.stop_reason in ENDED_BY_ITSELF:
            self._gate.learn(list(chain.from_iterable(turn.confidences or () for turn in trajectory.turns)))
        return trajectory

    def cancelled(self) -> Trajectory:
        """What it left when it was cancelled: no answer, so no vote."""
        return self._trajectory(StopReason.CANCELLED, None)

    def _trajectory(self, reason: StopReason, answer: int | None) -> Trajectory:
        return Trajectory(
            problem_id=self.task.problem.id,
            run=self.task.run,
            rollout=self.task.index,
            seed=self.task.seed,
            prompt_tokens=self._prompt_tokens,
            turns=tuple(self._turns),
            answer=answer,
            stop_reason=reason,
            started_seconds=self._started_at - self.task.problem_started_at,
            seconds=self._loop.time() - self._started_at,
        )

    async def _attempt(self) -> StopReason | None:
        """Turns until the model ends by itself (None), or why it has to be cut short."""
        try:
            async with self.task.deadline.limit(before_seconds=self._flush_seconds):
                code_rounds = 0
                while True:
                    writing = await self._generate(self._tokens_left(), self._stop)
                    if writing.unsure:
                        self._finish_turn()
                        return StopReason.UNSURE
                    if self._is_to_wait(writing):
                        self._wait(writing)
                        continue
                    code = self._find_code()
                    if code is None and writing.stop not in self._dialect.stop:
                        self._finish_turn()
                        return None if writing.finish_reason is FinishReason.STOP else StopReason.TOKEN_LIMIT
                    if code_rounds == self._settings.code_rounds:
                        self._finish_turn()
                        return StopReason.ROUND_LIMIT
                    code_rounds += 1
                    # Stopped where output belongs with no code before it: that is an error to be told.
                    await self._run_code(code)
        except TimeoutError:
            self._finish_turn()
            return StopReason.DEADLINE

    def _is_to_wait(self, writing: Writing) -> bool:
        """Whether it would end its thinking, or its turn, and is to think on (s1's budget forcing, minimum side)."""
        ends = writing.ended_itself or (writing.stop is not None and writing.stop == self._dialect.think_end)
        return self._waits_left > 0 and ends and bool(writing.token_ids)

    def _wait(self, writing: Writing) -> None:
        self._waits_left -= 1
        writing.cut_before(writing.stop, self._engine.tokenizer.decode)
        self._finish_turn()
        self._opening = self._settings.wait_text
        self._context += self._engine.tokenizer.encode(self._opening)

    async def _flush(self) -> None:
        """Closes the text and asks for the answer (s1's budget forcing, maximum side)."""
        closing = self._dialect.close_thinking(self._opened + self._text())
        self._context += self._engine.tokenizer.encode(closing)
        room = self._engine.context_tokens - len(self._context)
        self._opening = closing
        await self._generate(min(self._settings.flush_tokens, room), (), flush=True)
        self._finish_turn()

    @property
    def _stop(self) -> tuple[str, ...]:
        stop = () if self._settings.code is CodeMode.OFF else self._dialect.stop
        think_end = self._dialect.think_end
        return (*stop, think_end) if self._waits_left > 0 and think_end else stop

    def _tokens_left(self) -> int:
        """Of the rollout's tokens and of the context, less what a flush needs."""
        closing = len(self._engine.tokenizer.encode(self._dialect.close_thinking("")))
        room = self._engine.context_tokens - len(self._context) - closing - self._settings.flush_tokens
        return min(self._settings.max_tokens - self.tokens, room)

    async def _generate(self, max_tokens: int, stop: tuple[str, ...], *, flush: bool = False) -> Writing:
        """Generates one turn into `self._writing`; with no room at all it is an empty one."""
        self._writing = writing = Writing(self._loop.time(), self._opening, flush=flush)
        self._opening = ""
        if max_tokens < 1:
            writing.finish_reason = FinishReason.LENGTH
            return writing
        sampling = drawn_by(self._settings, max_tokens, turn_seed(self.task.seed, len(self._turns)), stop)
        async with aclosing(self._engine.generate(self._context, sampling)) as stream:
            async for piece in stream:
                writing.add(piece)
                self.task.spend(len(piece.token_ids))
                self._observer.generated(self.task.index, piece)
                if self._is_unsure(writing, len(piece.token_ids)):
                    writing.unsure = True
                    return writing
        writing.finish_reason = writing.finish_reason or FinishReason.STOP
        return writing

    def _is_unsure(self, writing: Writing, new_tokens: int) -> bool:
        """Whether its confidence has fallen below what the problem's first rollouts kept (DeepConf, online)."""
        if self._gate is None or self._group is None or writing.flush or not new_tokens:
            return False
        self._group.add(writing.confidences[-new_tokens:])
        confidence = self._group.confidence
        return confidence is not None and confidence < self._gate.least

    def _find_code(self) -> str | None:
        if self._settings.code is CodeMode.OFF or not self._dialect.stop:
            return None
        assert self._writing is not None
        return self._dialect.find_code(self._engine.tokenizer.decode(self._writing.token_ids))

    def _finish_turn(
        self, code: str | None = None, output: str | None = None, status: ExecutionStatus | None = None
    ) -> None:
        """Moves what was written, if anything, to the turns."""
        writing, self._writing = self._writing, None
        if writing is None:
            return
        now = self._loop.time()
        self._context += writing.token_ids
        turn = Turn(
            text=writing.opening + self._engine.tokenizer.decode(writing.token_ids),
            tokens=len(writing.token_ids),
            seconds=(writing.code_started_at or now) - writing.started_at,
            code=code,
            output=output,
            status=status,
            code_seconds=now - writing.code_started_at if writing.code_started_at is not None else 0.0,
            flush=writing.flush,
            entropies=tuple(writing.entropies) if self._settings.logprobs else None,
            confidences=tuple(writing.confidences) if self._settings.logprobs else None,
        )
        self._turns.append(turn)
        self._observer.turn_finished(self.task.index, turn)

    async def _run_code(self, code: str | None) -> None:
        assert self._writing is not None
        self._writing.code_started_at = self._loop.time()
        output, status = (NO_CODE, ExecutionStatus.ERROR) if code is None else await self._execute(code)
        self._finish_turn(code, output, status)
        self._context += self._engine.tokenizer.encode(self._dialect.render_output(output))

    async def _execute(self, code: str) -> tuple[str, ExecutionStatus]:
        if self._settings.code is CodeMode.DISABLED:
            return DISABLED, ExecutionStatus.ERROR
        if self._session is None:
            self._session = await self._sandbox.open_session()
        tool = self._dialect.tool
        timeout_seconds = self._settings.code_timeout_seconds or tool.timeout_seconds
        result = await self._session.execute(code, timeout_seconds)
        return shown_output(result, self._settings.output_chars or tool.output_chars), result.status

    async def _close_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await close_quietly(session)

    def _text(self) -> str:
        """What the model wrote, tool output left out."""
        return "".join(turn.text for turn in self._turns)

    def _answer(self) -> int | None:
        """A flushed turn's own, else that of everything written: an older, open box must not swallow it."""
        last = self._turns[-1] if self._turns else None
        asked = self._dialect.find_answer(last.text, self._rule) if last is not None and last.flush else None
        return self._dialect.find_answer(self._text(), self._rule) if asked is None else asked


def flush_seconds(settings: RolloutSettings, task: RolloutTask) -> float:
    """What is kept before the deadline to ask for the answer."""
    return min(settings.flush_seconds, FLUSH_SHARE * (task.deadline.at - task.problem_started_at))


async def close_quietly(session: Session) -> None:
    """Closes it; one that will not close is left to the sandbox, so that no answer is lost for it."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await session.close()
    except (TimeoutError, SandboxError):
        pass  # The sandbox ends its sessions when it closes.
