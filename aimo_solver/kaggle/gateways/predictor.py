"""Predictor: answers from whatever thread asks, and nothing ever escapes it.

A contest's gateway calls from a worker thread, one problem at a time, and an exception, or a reply
of the wrong kind, costs the whole run. Guarantees: `answer` returns an integer within the answer
rule; a problem that cannot be read, an engine that does not load, a failure anywhere and a solver
that misses its deadline cost that problem alone, which gets the best answer so far or the rule's
fallback, and a line in the log. A problem whose deadline was missed is given up before the next one
is handed over. The first call waits for loading; the event loop lives in a thread of its own from
`start` to `close`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager

from aimo_solver.kaggle.gateways.answerer import Answerer
from aimo_solver.problems.problem import AnswerRule, Problem
from aimo_solver.utils.log import Log, unbreakable

LATE_SECONDS = 10.0
"""How long past its deadline an answer is waited for."""
BEGIN_SECONDS = 20.0
"""A loop that has not begun with a problem after so long, or not ended one given up, is blocked."""
_LOOK_SECONDS = 0.5


class Predictor:
    """A solver's event loop in a thread, and the way to ask it from others."""

    def __init__(
        self,
        open_answerer: Callable[[], AbstractAsyncContextManager[Answerer]],
        rule: AnswerRule,
        ends_at: float,
        log: Log,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ends_at` (the loop's clock) is when the last answer must be there."""
        self._open, self._rule, self._ends_at, self._log, self._now = (
            open_answerer,
            rule,
            ends_at,
            unbreakable(log),
            now,
        )
        self.asked = self.failed = 0
        """Problems so far, and those among them that the solver did not answer itself."""
        self.last_failure = ""
        """Why, for the last of them."""
        self._ready = threading.Event()
        self._answerer: Answerer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving: asyncio.Task[None] | None = None
        self._call: _Call | None = None
        self._end = "the solver is not there"
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
        self.asked += 1
        try:
            return self._checked(self._answer(id, text))
        except BaseException as error:  # noqa: BLE001  SystemExit too: whatever it is, a reply is worth more.
            return self._given_up(id, self._rule.fallback, error)

    def _answer(self, id: object, text: object) -> int:
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"problem must be a statement, got {text!r:.80}")
        self._ready.wait(max(0.0, self._ends_at - self._now()))
        answerer, loop = self._answerer, self._loop
        if answerer is None or loop is None:
            raise RuntimeError(self._end)
        if self._call is not None and not self._call.ended.wait(BEGIN_SECONDS):
            raise RuntimeError("the solver is still held up by the problem before")
        self._call = call = _Call(answerer, Problem(str(id), text), loop)
        try:
            return self._result(call, answerer)
        except BaseException as error:  # noqa: BLE001  A sys.exit in the solver's task as well.
            return self._given_up(id, answerer.provisional if call.begun else self._rule.fallback, error)

    def _result(self, call: _Call, answerer: Answerer) -> int:
        """The solver's own answer. Raises when it does not come in time."""
        give_up_at, deadline_seen = self._now() + BEGIN_SECONDS, False
        while not call.ended.wait(_LOOK_SECONDS):
            answer_by = answerer.answer_by if call.begun else None
            if answer_by is not None:
                give_up_at, deadline_seen = answer_by + LATE_SECONDS, True
            elif deadline_seen:  # It is being written down and handed over.
                give_up_at, deadline_seen = self._now() + LATE_SECONDS, False
            if self._now() > give_up_at:
                call.cancel()
                raise TimeoutError("the solver missed its deadline")
            if not self._thread.is_alive():  # It ended while this was being handed over.
                raise RuntimeError(self._end)
        return call.result()

    def _given_up(self, id: object, answer: int, error: BaseException) -> int:
        self.failed += 1
        self.last_failure = f"{type(error).__name__}: {error}"
        self._log(f"{id}: {answer}, because of {self.last_failure}")
        return self._checked(answer)

    def _checked(self, answer: int) -> int:
        inside = self._rule.apply(answer)
        return self._rule.fallback if inside is None else inside

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except asyncio.CancelledError:
            pass  # By `close`.
        except BaseException as error:  # noqa: BLE001  The thread's end must not be silent.
            self._end = f"the solver ended: {type(error).__name__}: {error}"
            self._log(self._end)
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


class _Call:
    """One problem on its way through the solver's loop, watched from another thread."""

    def __init__(self, answerer: Answerer, problem: Problem, loop: asyncio.AbstractEventLoop) -> None:
        self.begun = False
        self.ended = threading.Event()
        self._answerer, self._problem, self._loop = answerer, problem, loop
        self._task: asyncio.Task[int] | None = None
        self._outcome: Future[int] = Future()
        loop.call_soon_threadsafe(self._begin)

    def result(self) -> int:
        """Once it has ended."""
        return self._outcome.result(timeout=0)

    def cancel(self) -> None:
        """It ends as soon as the loop moves."""
        self._loop.call_soon_threadsafe(self._cancel)

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._answerer.answer(self._problem))
        self._task.add_done_callback(self._end)
        self.begun = True

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _end(self, task: asyncio.Task[int]) -> None:
        if task.cancelled():
            self._outcome.set_exception(RuntimeError("the solver was ended"))
        elif (error := task.exception()) is not None:
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(task.result())
        self.ended.set()
