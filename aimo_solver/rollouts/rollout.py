"""Rollout: one attempt at a problem, generation and sandbox in turns, until an answer or a stated end.

Guarantees those of its life cycle (life_cycle.py), and: generated tokens are never re-tokenised; what the
code does is data.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import chain

from aimo_solver.config.names import CodeMode
from aimo_solver.dialects.calls import Call
from aimo_solver.dialects.dialect import closing_tokens
from aimo_solver.dialects.prompt import opened_thought, reopened_thought
from aimo_solver.engine.base import FinishReason
from aimo_solver.rollouts.base import RolloutTask
from aimo_solver.rollouts.code_tool import NO_MORE_CODE, CodeTool, close_quietly
from aimo_solver.rollouts.confidence import ConfidenceGate, RunningGroup
from aimo_solver.rollouts.generation import Generation, sampling_of
from aimo_solver.rollouts.life_cycle import RolloutLifeCycle
from aimo_solver.rollouts.parts import RolloutParts
from aimo_solver.rollouts.seeds import turn_seed
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.sandbox.base import ExecutionResult, ExecutionStatus, Session


class Rollout(RolloutLifeCycle):
    """One attempt. Run it once."""

    def __init__(
        self, task: RolloutTask, parts: RolloutParts, *, prompt_token_ids: Sequence[int], gate: ConfidenceGate | None
    ) -> None:
        super().__init__(task, parts, prompt_tokens=len(prompt_token_ids))
        self._sandbox, self._tool = parts.sandbox, CodeTool(parts.dialect, parts.settings)
        self._context: list[int] = list(prompt_token_ids)
        self._opened = opened_thought(prompt_token_ids, parts.engine.tokenizer)
        self._written = [self._opened]
        """The assistant's text so far, without tool output: the turns', and the thinking that was opened for them."""
        self._said = [self._opened]
        """The same without the tokens that end turns, to find answers in."""
        self._gate = gate
        self._group = None if gate is None else RunningGroup(gate.window_tokens)
        self._closing_tokens = closing_tokens(parts.dialect, parts.engine.tokenizer)
        self._waits_left = parts.settings.waits
        self._turns: list[Turn] = []
        self._generation: Generation | None = None
        """The turn under way."""
        self._last: Generation | None = None
        """The turn that ended last."""
        self._opening = ""
        """What is written for the model at the start of its next turn."""
        self._session: Session | None = None

    @property
    def tokens(self) -> int:
        """Tokens generated so far."""
        under_way = 0 if self._generation is None else len(self._generation.token_ids)
        return sum(turn.tokens for turn in self._turns) + under_way

    async def _attempt(self) -> StopReason:
        """Takes turns until the model ends by itself, or the rollout has to be cut short."""
        code_rounds = 0
        try:
            while True:
                generation = await self._generate(self._tokens_left(), self._stop)
                if generation.unsure:
                    return StopReason.UNSURE
                if self._is_to_wait(generation):
                    self._wait(generation)
                    continue
                call = self._find_call(generation)
                if call is None and generation.stop not in self._dialect.stop:
                    ended = generation.finish_reason is FinishReason.STOP
                    return StopReason.NO_ANSWER if ended else StopReason.TOKEN_LIMIT
                if code_rounds == self._settings.code_rounds:
                    return StopReason.ROUND_LIMIT
                code_rounds += 1
                # A turn that stopped where output belongs, with no code before it, is an error the model is shown.
                await self._run_code(generation, call)
        finally:
            self._finish_turn()

    async def _flush(self) -> None:
        """Closes the text and asks for the answer (s1's budget forcing, maximum side)."""
        self._reopen()
        written = self._opening
        closing = self._dialect.close_thinking("".join(self._written) + written)
        self._context += self._engine.tokenizer.encode(closing)
        room = min(self._settings.max_tokens - self.tokens, self._engine.context_tokens - len(self._context))
        if room < 1:
            return
        self._opening = written + closing
        try:
            await self._generate(min(self._flush_reserve_tokens, room), self._dialect.ends, flush=True)
        finally:
            self._finish_turn()

    def _reopen(self) -> None:
        """Brings the context to where the model's turn continues: before its end, or after a reply to its call."""
        last = self._last
        if last is None:
            return
        if last.ended_itself:
            del self._context[len(self._context) - (len(last.token_ids) - len(last.said_token_ids)) :]
        elif last.stop is not None and last.stop in self._dialect.stop and self._turns[-1].output is None:
            self._turns[-1] = replace(self._turns[-1], output=NO_MORE_CODE, status=ExecutionStatus.ERROR)
            self._show(NO_MORE_CODE)

    async def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await close_quietly(session)

    def _answer(self) -> int | None:
        """Returns a flushed turn's own answer, else that of the whole text: an older, open box must not swallow it."""
        asked = bool(self._turns) and self._turns[-1].flush
        flushed = self._find_answer(self._said[-1]) if asked else None
        return self._find_answer("".join(self._said)) if flushed is None else flushed

    def _all_turns(self) -> tuple[Turn, ...]:
        return tuple(self._turns)

    def _score(self) -> float | None:
        return None

    def _ended(self, trajectory: Trajectory) -> None:
        if self._gate is not None and trajectory.ended_itself:
            own = (turn.confidences or () for turn in trajectory.turns if not turn.flush)
            self._gate.learn(list(chain.from_iterable(own)))

    def _is_to_wait(self, generation: Generation) -> bool:
        """Whether it would end its thinking, or its turn, and is to think on (s1's budget forcing, minimum side)."""
        ended_thinking = generation.stop is not None and generation.stop == self._dialect.think_end
        ends = generation.ended_itself or ended_thinking
        return self._waits_left > 0 and ends and bool(generation.token_ids)

    def _wait(self, generation: Generation) -> None:
        """Removes the end the model has written, and makes it think on."""
        self._waits_left -= 1
        generation.cut_before(generation.stop, self._engine.tokenizer.decode)
        self._finish_turn()
        self._opening = self._settings.wait_text
        self._context += self._engine.tokenizer.encode(self._opening)

    @property
    def _stop(self) -> tuple[str, ...]:
        """The stop strings of the next turn."""
        stop = (*(() if self._settings.code is CodeMode.OFF else self._dialect.stop), *self._dialect.ends)
        think_end = self._dialect.think_end
        return (*stop, think_end) if self._waits_left > 0 and think_end else stop

    def _tokens_left(self) -> int:
        """Returns how many tokens the rollout and the context have left, less what a flush needs."""
        room = self._engine.context_tokens - len(self._context) - self._closing_tokens
        return min(self._settings.max_tokens - self.tokens, room) - self._flush_reserve_tokens

    async def _generate(self, max_tokens: int, stop: tuple[str, ...], *, flush: bool = False) -> Generation:
        """Generates one turn, which stays under way until `_finish_turn`; an empty one if there is no room."""
        self._generation = generation = Generation(self._loop.time(), self._opening, flush=flush)
        self._opening = ""
        if max_tokens < 1:
            generation.finish_reason = FinishReason.LENGTH
            return generation
        seed = turn_seed(self.task.seed, len(self._turns))
        sampling = sampling_of(self._settings, max_tokens=max_tokens, seed=seed, stop=stop)
        async with aclosing(self._engine.generate(self._context, sampling)) as stream:
            async for piece in stream:
                generation.add(piece)
                self.task.spend(len(piece.token_ids))
                self._observer.generated(self.task.index, piece)
                if self._is_unsure(generation, len(piece.token_ids)):
                    generation.unsure = True
                    return generation
        generation.finish_reason = generation.finish_reason or FinishReason.STOP
        if generation.stop is not None and generation.stop in self._dialect.ends:
            generation.cut_before(generation.stop, self._engine.tokenizer.decode)
        return generation

    def _is_unsure(self, generation: Generation, new_tokens: int) -> bool:
        """Whether its confidence has fallen below what the problem's first rollouts kept (DeepConf, online)."""
        if self._gate is None or self._group is None or generation.flush or not new_tokens:
            return False
        self._group.add(generation.confidences[-new_tokens:])
        confidence = self._group.confidence
        return confidence is not None and confidence < self._gate.min_confidence

    def _find_call(self, generation: Generation) -> Call | None:
        if self._settings.code is CodeMode.OFF:
            return None
        return self._dialect.find_code(self._engine.tokenizer.decode(generation.token_ids))

    async def _run_code(self, generation: Generation, call: Call | None) -> None:
        """Ends the turn with the run of its code, and appends the output to the context."""
        generation.code_started_at = self._loop.time()
        output, status = await self._tool.run(call, self._execute)
        self._finish_turn(None if call is None else call.code, output, status)
        self._show(output)

    def _show(self, output: str) -> None:
        """Appends the output of a call to the context."""
        shown = self._dialect.render_output(output, self._opened)
        self._context += self._engine.tokenizer.encode(shown)
        self._written.append(reopened_thought(shown, self._opened))
        self._said.append(self._written[-1])

    async def _execute(self, code: str) -> ExecutionResult:
        if self._session is None:
            self._session = await self._sandbox.open_session()
        return await self._session.execute(code, self._tool.timeout_seconds)

    def _finish_turn(
        self, code: str | None = None, output: str | None = None, status: ExecutionStatus | None = None
    ) -> None:
        """Appends the turn under way, if there is one, to the turns."""
        generation, self._generation = self._generation, None
        if generation is None:
            return
        self._last = generation
        now, code_started_at = self._loop.time(), generation.code_started_at
        self._context += generation.token_ids
        turn = Turn(
            text=generation.opening + self._engine.tokenizer.decode(generation.token_ids),
            tokens=len(generation.token_ids),
            seconds=(code_started_at or now) - generation.started_at,
            code=code,
            output=output,
            status=status,
            code_seconds=0.0 if code_started_at is None else now - code_started_at,
            flush=generation.flush,
            entropies=tuple(generation.entropies) if self._settings.logprobs else None,
            confidences=tuple(generation.confidences) if self._settings.logprobs else None,
        )
        self._turns.append(turn)
        self._written.append(turn.text)
        self._said.append(generation.opening + self._engine.tokenizer.decode(generation.said_token_ids))
        self._observer.turn_finished(self.task.index, turn)
