"""StepSource: the next steps of a path, drawn from an engine, their code run in a sandbox.

Guarantees: the same seeds give the same steps, if the engine holds to its protocol; what code does is
data; the tokens of every draw are counted as they come, also of those that are cut short.
Raises EngineError and SandboxError for their own failures only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from aimo_solver.config.settings import CodeMode, RolloutSettings, SearchSettings
from aimo_solver.dialects.dialect import Dialect, shown_output
from aimo_solver.dialects.prompt import opened_thought
from aimo_solver.engine.base import Completion, Engine, FinishReason
from aimo_solver.rollouts.generation import Writing, drawn_by
from aimo_solver.rollouts.rollout import DISABLED, NO_CODE
from aimo_solver.rollouts.search.path import Path, Step, StepEnd
from aimo_solver.rollouts.search.path_sessions import PathSessions
from aimo_solver.sandbox.execution import ExecutionStatus
from aimo_solver.utils.aio import together

LEAST_STEP_TOKENS = 128
"""Rather fewer steps than shorter ones, when the tree's tokens come to their end."""


class StepSource:
    """Draws the steps of one tree."""

    def __init__(
        self,
        engine: Engine,
        sessions: PathSessions,
        dialect: Dialect,
        settings: RolloutSettings,
        search: SearchSettings,
        prompt_token_ids: Sequence[int],
        generated: Callable[[Completion], None],
    ) -> None:
        """`generated` is told of every piece."""
        self._engine, self._sessions, self._dialect = engine, sessions, dialect
        self._settings, self._search = settings, search
        self._prompt, self._generated = list(prompt_token_ids), generated
        self._opened = opened_thought(prompt_token_ids, engine.tokenizer)
        code_stop = () if settings.code is CodeMode.OFF else dialect.stop
        self._stop = (search.separator, *code_stop)
        self.tokens = 0
        """Generated so far, by all draws together."""

    def affordable(self, nodes: int, steps: int) -> tuple[int, int]:
        """How many steps a node, and tokens a step, the tree's tokens allow; no steps when they are used up.

        The tokens are shared out before the draw: how many there are does not depend on who draws faster.
        """
        left = self._settings.max_tokens - self.tokens
        steps = min(steps, left // (nodes * LEAST_STEP_TOKENS))
        return (steps, min(self._search.step_tokens, left // (nodes * steps))) if steps > 0 else (0, 0)

    def room_tokens(self, path: Path) -> int:
        """Of the context, behind the path and less what a flush needs."""
        closing = len(self._engine.tokenizer.encode(self._dialect.close_thinking("")))
        used = len(self._prompt) + len(path.token_ids)
        return self._engine.context_tokens - used - closing - self._settings.flush_tokens

    async def sample(self, path: Path, seeds: Sequence[int], max_tokens: int) -> list[Step]:
        """A step a seed, of those that read the same the first; none when the context is full. Code has not run."""
        max_tokens = min(max_tokens, self.room_tokens(path))
        if max_tokens < 1:
            return []
        steps = await together([self._step(path, seed, max_tokens) for seed in seeds])
        distinct: dict[str, Step] = {}
        for step in steps:
            distinct.setdefault(step.text, step)
        return list(distinct.values())

    async def run(self, path: Path, step: Step) -> Step:
        """The step with what its code did behind the path; itself when it has none to run."""
        if step.end is not StepEnd.CALL or len(path.cells) >= self._settings.code_rounds:
            return step
        started_at = asyncio.get_running_loop().time()
        code = self._dialect.find_code((path + step).turn)
        output, status = (NO_CODE, ExecutionStatus.ERROR) if code is None else await self._execute(path, code)
        shown = self._dialect.render_output(output)
        return replace(
            step,
            code=code,
            output=output,
            shown=shown,
            shown_token_ids=tuple(self._engine.tokenizer.encode(shown)),
            status=status,
            code_seconds=asyncio.get_running_loop().time() - started_at,
        )

    def closing(self, path: Path) -> Writing:
        """What closes the path's text for its answer, for `flush` to go on with (s1's budget forcing)."""
        return Writing(
            asyncio.get_running_loop().time(), self._dialect.close_thinking(self._opened + path.written), flush=True
        )

    async def flush(self, path: Path, closing: Writing, seed: int) -> None:
        """Asks for the answer. What is written when it is cut short stays in `closing`."""
        context = [*self._prompt, *path.token_ids, *self._engine.tokenizer.encode(closing.opening)]
        room = self._engine.context_tokens - len(context)
        await self._draw(closing, context, seed, min(self._settings.flush_tokens, room), ())

    async def _step(self, path: Path, seed: int, max_tokens: int) -> Step:
        loop = asyncio.get_running_loop()
        writing = Writing(loop.time(), opening="")
        await self._draw(writing, [*self._prompt, *path.token_ids], seed, max_tokens, self._stop)
        return Step(
            token_ids=tuple(writing.token_ids),
            text=self._engine.tokenizer.decode(writing.token_ids),
            end=self._end(writing),
            seconds=loop.time() - writing.started_at,
            entropies=tuple(writing.entropies) if self._settings.logprobs else None,
            confidences=tuple(writing.confidences) if self._settings.logprobs else None,
        )

    async def _draw(
        self, writing: Writing, context: Sequence[int], seed: int, max_tokens: int, stop: tuple[str, ...]
    ) -> None:
        if max_tokens < 1:
            return
        sampling = drawn_by(self._settings, max_tokens, seed, stop)
        async with aclosing(self._engine.generate(context, sampling)) as stream:
            async for piece in stream:
                writing.add(piece)
                self.tokens += len(piece.token_ids)
                self._generated(piece)

    def _end(self, writing: Writing) -> StepEnd:
        if writing.stop in self._dialect.stop:
            return StepEnd.CALL
        cut = writing.stop is not None or writing.finish_reason is FinishReason.LENGTH
        return StepEnd.GOES_ON if cut else StepEnd.TURN

    async def _execute(self, path: Path, code: str) -> tuple[str, ExecutionStatus]:
        if self._settings.code is CodeMode.DISABLED:
            return DISABLED, ExecutionStatus.ERROR
        result = await self._sessions.attempt(path.cells, code)
        return shown_output(result, self._settings.output_chars or self._dialect.tool.output_chars), result.status
