"""An engine that survives the deaths of the engine inside it.

When the inner engine raises EngineError, or no request gets a token for `stall_seconds` although
some are waiting, it is stopped and a new one is started: once, however many requests noticed. Each
request then resumes from its prompt and its own tokens so far. Guarantees:
- the consumer sees one completion without gaps or repetitions, however often the engine dies;
  `max_tokens` and stop strings apply to the whole of it;
- cancelling a request ends it at once, even during a restart;
- idle engines, starts and restarts are never mistaken for a stall; nor is a program that was itself
  held up, as stalls are counted in the loop's own ticks;
- whatever an engine's start or stop raises is handled as an EngineError is;
- EngineError reaches the consumers once `max_restarts` attempts in a row have produced no token, or
  the checkpoint has been refused three times in a row. Pauses between these attempts grow, so that
  they are not used up in a moment.

Not guaranteed: the same tokens as without the death. If the engine samples, the rest of an
interrupted completion is sampled with a seed derived from the request's own and its tokens so far:
repeatable if the engine dies at the same token, otherwise another, equally likely completion.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from aimo_solver.engine.base import Completion, ManagedEngine, Sampling, Tokenizer
from aimo_solver.engine.resumable_request import ResumableRequest
from aimo_solver.errors import EngineError, EngineLoadError
from aimo_solver.utils.contained import CONTAINABLE, contained, describe
from aimo_solver.utils.log import Log, unbreakable

# A refusal can be temporary (the dead engine's memory is not free yet), but hardly twice.
_MAX_LOAD_ERRORS = 3
FIRST_PAUSE_SECONDS = 2.0
_MAX_PAUSE_SECONDS = 30.0
_TICKS_PER_STALL = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRestart:
    """One restart, for the run folder."""

    reason: str
    at_seconds: float
    """When the engine was found dead, in seconds since the end of the first start."""
    seconds: float
    """How long it took until the new engine ran."""


class SupervisedEngine:
    """ManagedEngine that restarts the engine inside it; see the module's docstring."""

    def __init__(
        self,
        make_engine: Callable[[], ManagedEngine],
        *,
        stall_seconds: float = 60.0,
        max_restarts: int = 10,
        pause_seconds: float = FIRST_PAUSE_SECONDS,
        log: Log,
    ) -> None:
        """`pause_seconds`: before the second restart in a row that is tried without a token; later ones wait longer.

        `stall_seconds` must exceed the longest time in which no request gets a token, such as the
        prefill of a full batch of long prompts."""
        if stall_seconds <= 0:
            raise ValueError(f"stall_seconds must be positive, got {stall_seconds!r}")
        self.restarts: list[EngineRestart] = []
        self._make_engine = make_engine
        self._stall_seconds = stall_seconds
        self._max_restarts, self._first_pause_seconds = max_restarts, pause_seconds
        self._log = unbreakable(log)
        self._engine: ManagedEngine | None = None
        self._tokenizer: Tokenizer | None = None
        self._context_tokens = 0
        self._started_at = 0.0
        self._failure: EngineError | None = EngineError("the engine does not run; call start() first")
        self._restart: asyncio.Task[None] | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._open_requests = 0
        self._waits: set[asyncio.Timeout] = set()
        """One per request that waits for a token; expiring it ends the wait."""
        self._deltas = 0
        self._fruitless = 0
        """How many restarts were attempted since the last delta."""
        self._now: Callable[[], float] = time.monotonic
        """The loop's clock, once started; also read from other threads."""
        self._down_since: float | None = None
        self._down_seconds = 0.0
        """For the restarts that have ended."""

    @property
    def tokenizer(self) -> Tokenizer:
        """The inner engine's tokenizer; available from the first start on."""
        if self._tokenizer is None:
            raise EngineError("the engine has not been started; call start() first")
        return self._tokenizer

    @property
    def context_tokens(self) -> int:
        """The most tokens that prompt and completion together may have."""
        return self._context_tokens

    @property
    def down_seconds(self) -> float:
        """Seconds spent so far between deaths and restarts."""
        since = self._down_since
        return self._down_seconds + (0.0 if since is None else self._now() - since)

    @property
    def engine(self) -> ManagedEngine | None:
        """The engine inside, for tests and logs; None before the start."""
        return self._engine

    async def start(self) -> None:
        """Starts the first engine. If that fails it is not retried: it raises EngineLoadError."""
        try:
            self._engine = self._make_engine()
            await self._engine.start()
        except EngineError:
            raise
        except CONTAINABLE as error:
            raise EngineLoadError(f"the engine does not start ({describe(error)}); run `aimo doctor`") from error
        self._tokenizer, self._context_tokens = self._engine.tokenizer, self._engine.context_tokens
        loop = asyncio.get_running_loop()
        self._now = loop.time
        self._started_at, self._failure, self._fruitless = loop.time(), None, 0
        self._watchdog = loop.create_task(self._watch())

    async def stop(self) -> None:
        """Ends the engine; requests in flight raise EngineError."""
        self._failure = EngineError("the engine was stopped")
        for task in (self._watchdog, self._restart):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        self._watchdog = self._restart = None
        self._end_waits()
        if self._engine is not None:
            await self._engine.stop()

    async def generate(self, prompt_token_ids: Sequence[int], sampling: Sampling) -> AsyncGenerator[Completion, None]:
        """Streams the completion, from as many engines as necessary."""
        request = ResumableRequest(tuple(prompt_token_ids), sampling, self.tokenizer)
        self._open_requests += 1
        try:
            while not request.finished:
                engine = await self._running_engine()
                stream = engine.generate(request.prompt(), request.sampling())
                async with aclosing(stream):
                    while not request.finished:
                        try:
                            delta = await self._next(stream)
                        except EngineError as error:
                            self._found_dead(engine, str(error))
                            request.interrupt()
                            break
                        yield request.accept(delta)
        finally:
            self._open_requests -= 1

    async def _next(self, stream: AsyncGenerator[Completion, None]) -> Completion:
        """Returns the next delta. Raises EngineError if the engine is dead, or found wedged meanwhile."""
        wait = asyncio.timeout(None)
        try:
            async with wait:
                self._waits.add(wait)
                delta = await anext(stream, None)
        except TimeoutError as error:
            if not wait.expired():
                raise
            raise EngineError("the wait was ended, as the engine is being replaced") from error
        finally:
            self._waits.discard(wait)
        if delta is None:
            raise EngineError("the engine ended a completion without a reason")
        self._deltas += 1
        self._fruitless = 0
        return delta

    async def _running_engine(self) -> ManagedEngine:
        while self._restart is not None and not self._restart.done():
            await asyncio.wait({self._restart})  # Unlike awaiting it, cancelling this does not cancel the restart.
        if self._failure is not None:
            raise self._failure
        return self._engine_in_place()

    def _engine_in_place(self) -> ManagedEngine:
        assert self._engine is not None, "only called after the start"
        return self._engine

    def _found_dead(self, engine: ManagedEngine, reason: str) -> None:
        """Begins the restart, unless it has begun."""
        restarting = self._restart is not None and not self._restart.done()
        if engine is not self._engine or restarting or self._failure is not None:
            return  # It was noticed before, or the engine is being stopped.
        self._log(f"engine died ({reason}), {self._open_requests} rollouts wait; restarting")
        self._down_since = self._now()
        self._restart = asyncio.get_running_loop().create_task(self._replace(reason))
        self._restart.add_done_callback(self._count_down_time)
        self._end_waits()

    def _count_down_time(self, restart: asyncio.Task[None]) -> None:
        if self._down_since is not None:
            self._down_seconds, self._down_since = self.down_seconds, None

    def _end_waits(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._waits:
            self._waits.pop().reschedule(now)

    async def _replace(self, reason: str) -> None:
        """Replaces the dead engine, or sets the failure that every request raises."""
        loop = asyncio.get_running_loop()
        found_at, load_errors, last_error = loop.time(), 0, reason
        while self._fruitless < self._max_restarts and load_errors < _MAX_LOAD_ERRORS:
            await asyncio.sleep(self._pause_seconds())
            self._fruitless += 1
            await self._end_dead_engine()
            try:
                self._engine = self._make_engine()
                await self._engine.start()
            except CONTAINABLE as error:
                load_errors = load_errors + 1 if isinstance(error, EngineLoadError) else 0
                last_error = str(error) if isinstance(error, EngineError) else describe(error)
                self._log(f"engine did not restart ({last_error}); attempt {self._fruitless} of {self._max_restarts}")
                continue
            seconds = loop.time() - found_at
            self.restarts.append(EngineRestart(reason=reason, at_seconds=found_at - self._started_at, seconds=seconds))
            self._log(
                f"engine restarted in {seconds:.1f} s, {self._open_requests} rollouts resume from their own tokens"
            )
            return
        await self._end_dead_engine()
        self._failure = EngineError(f"the engine died and cannot be restarted ({last_error}); run `aimo doctor`")
        self._log(str(self._failure))

    def _pause_seconds(self) -> float:
        """Returns the pause before the next restart: none before the first after a token, then growing ones."""
        if self._fruitless == 0:
            return 0.0
        return min(self._first_pause_seconds * 2 ** min(self._fruitless - 1, 10), _MAX_PAUSE_SECONDS)

    async def _end_dead_engine(self) -> None:
        """Ends what is left of it. Where that fails, the next start finds out whether its memory is free."""
        with contained("ending the dead engine", self._log):
            await self._engine_in_place().stop()

    async def _watch(self) -> None:
        """Detects a wedged engine. Counts ticks, not time: a loop that was held up proves nothing."""
        quiet_ticks, deltas = 0, self._deltas
        while True:
            await asyncio.sleep(self._stall_seconds / _TICKS_PER_STALL)
            quiet_ticks = quiet_ticks + 1 if self._waits and self._deltas == deltas else 0
            deltas = self._deltas
            if quiet_ticks >= _TICKS_PER_STALL:
                quiet_ticks = 0
                self._found_dead(self._engine_in_place(), f"no token for {self._stall_seconds:g} s")
