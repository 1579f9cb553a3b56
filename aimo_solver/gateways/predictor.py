"""Predictor: answers from whatever thread asks, and nothing ever escapes it.

A contest's gateway calls from a worker thread, one problem at a time, and an exception, or a reply
of the wrong kind, costs the whole run. Guarantees: `answer` returns an integer within the answer
rule; a problem that cannot be read, an engine that does not load, a failure anywhere and a solver
that misses its deadline cost that problem alone, which gets the best answer so far or the rule's
fallback, and a line in the log. The first call waits for loading; the event loop lives in a thread
of its own from `start` to `close`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from contextlib import AbstractAsyncContextManager

from aimo_solver.gateways.answerer import Answerer
from aimo_solver.problem import AnswerRule, Problem

LATE_SECONDS = 10.0
"""How long past its deadline an answer is waited for."""
BEGIN_SECONDS = 20.0
"""A loop that has not begun with a problem after so long is blocked."""
_LOOK_SECONDS = 0.5


class Predictor:
    """A solver's event loop in a thread, and the way to ask it from others."""

    def __init__(
        self,
        open_answerer: Callable[[], AbstractAsyncContextManager[Answerer]],
        rule: AnswerRule,
        ends_at: float,
        log: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ends_at` (the loop's clock) is when the last answer must be there."""
        self._open, self._rule, self._ends_at, self._log, self._now = open_answerer, rule, ends_at, log, now
        self._ready = threading.Event()
        self._answerer: Answerer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving: asyncio.Task[None] | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="solver", daemon=True)

    def start(self) -> None:
        """Begins loading, and returns at once."""
        self._thread.start()

    def close(self, limit_seconds: float = 60.0) -> None:
        """Ends the solver and its engine, in the middle of loading too."""
        self._closed.set()
        if self._loop is not None and self._serving is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join(limit_seconds)

    def answer(self, id: object, text: object) -> int:
        """The answer to one problem. Never raises."""
        try:
            return self._checked(self._answer(id, text))
        except BaseException as error:  # noqa: BLE001  SystemExit too: whatever it is, a reply is worth more.
            self._log(f"{id}: {self._rule.fallback}, because of {type(error).__name__}: {error}")
            return self._rule.fallback

    def _answer(self, id: object, text: object) -> int:
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"problem must be a statement, got {text!r}")
        self._ready.wait(max(0.0, self._ends_at - self._now()))
        answerer, loop = self._answerer, self._loop
        if answerer is None or loop is None:
            raise RuntimeError("the solver is not there")
        begin_by = self._now() + BEGIN_SECONDS
        asked = asyncio.run_coroutine_threadsafe(answerer.answer(Problem(str(id), text)), loop)
        while not wait((asked,), _LOOK_SECONDS).done:
            if self._now() > (answerer.answer_by or begin_by) + LATE_SECONDS:
                asked.cancel()
                self._log(f"{id}: {answerer.provisional}, because the solver missed its deadline")
                return answerer.provisional
            if not self._thread.is_alive():  # It ended while this was being handed over.
                raise RuntimeError("the solver is not there any more")
        try:
            return asked.result()
        except BaseException as error:  # noqa: BLE001  A sys.exit in the solver's task as well.
            self._log(f"{id}: {answerer.provisional}, because of {type(error).__name__}: {error}")
            return answerer.provisional

    def _checked(self, answer: int) -> int:
        inside = self._rule.apply(answer)
        return self._rule.fallback if inside is None else inside

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except asyncio.CancelledError:
            pass  # By `close`.
        except BaseException as error:  # noqa: BLE001  The thread's end must not be silent.
            self._log(f"the solver ended: {type(error).__name__}: {error}")
        finally:
            self._answerer = None
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._serving = asyncio.get_running_loop(), asyncio.current_task()
        if self._closed.is_set():  # Before there was a task to cancel.
            return
        async with self._open() as answerer:
            self._answerer = answerer
            self._ready.set()
            await asyncio.Event().wait()  # Until `close`.
