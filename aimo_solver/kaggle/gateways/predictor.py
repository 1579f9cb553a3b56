"""Predictor: answers from whichever thread asks, and never raises.

A contest's gateway calls from a worker thread, one problem at a time, and an exception or a reply of
the wrong type costs the whole run. Guarantees: `answer` returns an integer within the answer rule. An
unreadable problem, an engine that does not load, a failure anywhere and a solver that misses its
deadline cost that problem alone: it gets the best answer so far, or the rule's fallback, and a line
in the log. A problem whose deadline was missed is cancelled before the next one starts. The first
call waits for loading; the event loop has its own thread from `start` to `close`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from typing import Final

from aimo_solver.kaggle.gateways.answerer import Answerer
from aimo_solver.problems.problem import AnswerRule, Problem
from aimo_solver.utils.log import Log, unbreakable

LATE_SECONDS: Final = 10.0
"""How long to wait for an answer past its deadline."""
BEGIN_SECONDS: Final = 20.0
"""A loop that has not started a problem, or not ended a cancelled one, after this time is blocked."""
_POLL_SECONDS: Final = 0.5


class Predictor:
    """A solver's event loop in its own thread, and the way to ask it from others."""

    def __init__(
        self,
        open_answerer: Callable[[], AbstractAsyncContextManager[Answerer]],
        *,
        rule: AnswerRule,
        ends_at: float,
        log: Log,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ends_at` (loop time) is the deadline of the last answer."""
        self._open_answerer, self._rule, self._ends_at, self._now = open_answerer, rule, ends_at, now
        self._log = unbreakable(log)
        self.asked = self.failed = 0
        """Problems so far, and how many of them the solver did not answer."""
        self.last_failure = ""
        """Reason of the latest failure."""
        self._ready = threading.Event()
        self._answerer: Answerer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving: asyncio.Task[None] | None = None
        self._call: _Call | None = None
        self._end = "the solver is not running"
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="solver", daemon=True)

    def start(self) -> None:
        """Starts loading, and returns at once."""
        self._thread.start()

    def close(self, limit_seconds: float = 60.0) -> None:
        """Ends the solver and its engine, even while they load."""
        self._closed.set()
        if self._loop is not None and self._serving is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join(limit_seconds)

    def answer(self, id: object, text: object) -> int:
        """Returns the answer to one problem. Never raises."""
        self.asked += 1
        try:
            return self._within_rule(self._answer(id, text))
        except BaseException as error:  # noqa: BLE001  SystemExit too: any reply is better than none.
            return self._answer_after_failure(id, self._rule.fallback, error)

    def _answer(self, id: object, text: object) -> int:
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"problem must be a statement, got {text!r:.80}")
        self._ready.wait(max(0.0, self._ends_at - self._now()))
        answerer, loop = self._answerer, self._loop
        if answerer is None or loop is None:
            raise RuntimeError(self._end)
        if self._call is not None and not self._call.ended.wait(BEGIN_SECONDS):
            raise RuntimeError("the solver is still blocked by the previous problem")
        self._call = call = _Call(answerer, Problem(str(id), text), loop)
        try:
            return self._wait_for(call, answerer)
        except BaseException as error:  # noqa: BLE001  Includes a sys.exit in the solver's task.
            return self._answer_after_failure(id, answerer.provisional if call.started else self._rule.fallback, error)

    def _wait_for(self, call: _Call, answerer: Answerer) -> int:
        """Returns the solver's own answer. Raises if there is none in time."""
        give_up_at, deadline_seen = self._now() + BEGIN_SECONDS, False
        while not call.ended.wait(_POLL_SECONDS):
            answer_by = answerer.answer_by if call.started else None
            if answer_by is not None:
                give_up_at, deadline_seen = answer_by + LATE_SECONDS, True
            elif deadline_seen:  # The answer is being logged and returned.
                give_up_at, deadline_seen = self._now() + LATE_SECONDS, False
            if self._now() > give_up_at:
                call.cancel()
                raise TimeoutError("the solver missed its deadline")
            if not self._thread.is_alive():  # It ended after this call was made.
                raise RuntimeError(self._end)
        return call.result()

    def _answer_after_failure(self, id: object, answer: int, error: BaseException) -> int:
        self.failed += 1
        self.last_failure = f"{type(error).__name__}: {error}"
        self._log(f"{id}: {answer}, because of {self.last_failure}")
        return self._within_rule(answer)

    def _within_rule(self, answer: int) -> int:
        applied = self._rule.apply(answer)
        return self._rule.fallback if applied is None else applied

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except asyncio.CancelledError:
            pass  # By `close`.
        except BaseException as error:  # noqa: BLE001  The end of the thread must be logged.
            self._end = f"the solver ended: {type(error).__name__}: {error}"
            self._log(self._end)
        finally:
            self._answerer = None
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._serving = asyncio.get_running_loop(), asyncio.current_task()
        if self._closed.is_set():  # Closed before there was a task to cancel.
            return
        async with self._open_answerer() as answerer:
            self._answerer = answerer
            self._ready.set()
            await asyncio.Event().wait()  # Until `close`.


class _Call:
    """One problem in the solver's loop, watched from another thread."""

    def __init__(self, answerer: Answerer, problem: Problem, loop: asyncio.AbstractEventLoop) -> None:
        self.started = False
        self.ended = threading.Event()
        self._answerer, self._problem, self._loop = answerer, problem, loop
        self._task: asyncio.Task[int] | None = None
        self._outcome: Future[int] = Future()
        loop.call_soon_threadsafe(self._begin)

    def result(self) -> int:
        """Returns the answer, or raises what the solver raised. Call it after the end."""
        return self._outcome.result(timeout=0)

    def cancel(self) -> None:
        """Ends the call as soon as the loop runs."""
        self._loop.call_soon_threadsafe(self._cancel)

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._answerer.answer(self._problem))
        self._task.add_done_callback(self._end)
        self.started = True

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _end(self, task: asyncio.Task[int]) -> None:
        if task.cancelled():
            self._outcome.set_exception(RuntimeError("the solver was cancelled"))
        elif (error := task.exception()) is not None:
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(task.result())
        self.ended.set()
