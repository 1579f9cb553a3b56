"""Predictor: whatever breaks, it returns one integer within the rule, and raises nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import KW_ONLY, dataclass, field

import pytest

from aimo_solver.kaggle.gateways import predictor as predictor_module
from aimo_solver.kaggle.gateways.predictor import Predictor
from aimo_solver.problems.problem import AnswerRule, Problem
from tests.helpers.contests import AIMO2, AIMO3

Answer = Callable[[Problem], Awaitable[int]]


@dataclass
class FakeAnswerer:
    """Answerer that runs `then` for every problem, and keeps the log."""

    then: Answer
    _: KW_ONLY
    provisional: int = 7
    answer_by: float | None = None
    closed: bool = False
    log: list[str] = field(default_factory=list[str])
    load: Callable[[], Awaitable[None]] | None = None

    async def answer(self, problem: Problem) -> int:
        return await self.then(problem)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[FakeAnswerer]:
        if self.load is not None:
            await self.load()
        try:
            yield self
        finally:
            self.closed = True


@pytest.fixture
def begin() -> Iterator[Callable[..., Predictor]]:
    started: list[Predictor] = []

    def start(fake: FakeAnswerer, rule: AnswerRule = AIMO3, ends_in: float = 3600.0) -> Predictor:
        one = Predictor(fake.open, rule=rule, ends_at=time.monotonic() + ends_in, log=fake.log.append)
        one.start()
        started.append(one)
        return one

    yield start
    for one in started:
        one.close(5.0)


async def _right(problem: Problem) -> int:
    return len(problem.text)


async def _raises(problem: Problem) -> int:
    raise ValueError("no idea")


async def _times_out(problem: Problem) -> int:
    raise TimeoutError


async def _hangs(problem: Problem) -> int:
    await asyncio.Event().wait()
    return 0


def test_a_problem_is_answered_in_the_solvers_own_thread(begin: Callable[..., Predictor]) -> None:
    fake = FakeAnswerer(_right)
    predictor = begin(fake)
    assert [predictor.answer("a", "12345"), predictor.answer("b", "1")] == [5, 1]
    predictor.close()
    assert fake.closed


def test_the_first_call_waits_for_loading(begin: Callable[..., Predictor]) -> None:
    async def load() -> None:
        await asyncio.sleep(0.05)

    assert begin(FakeAnswerer(_right, load=load)).answer("a", "123") == 3


@pytest.mark.parametrize("text", ["", "  \n", None, 5, ["a"]])
def test_a_missing_statement_gets_the_fallback(begin: Callable[..., Predictor], text: object) -> None:
    fake = FakeAnswerer(_right)
    assert begin(fake).answer("a", text) == 0
    assert "problem must be a statement" in fake.log[0]


@pytest.mark.parametrize("fault", [_raises, _times_out])
def test_a_failing_solver_gives_its_best_answer_so_far(begin: Callable[..., Predictor], fault: Answer) -> None:
    fake = FakeAnswerer(fault)
    assert begin(fake).answer("a", "12") == 7
    assert "because of" in fake.log[0]


@pytest.mark.parametrize(("rule", "value", "answer"), [(AIMO3, 100_000, 0), (AIMO3, -1, 0), (AIMO2, 1001, 1)])
def test_an_answer_outside_the_rule_never_leaves(
    begin: Callable[..., Predictor], rule: AnswerRule, value: int, answer: int
) -> None:
    async def outside(problem: Problem) -> int:
        return value

    assert begin(FakeAnswerer(outside), rule).answer("a", "12") == answer


def test_an_engine_that_does_not_load_costs_the_answers_but_not_the_run(begin: Callable[..., Predictor]) -> None:
    async def load() -> None:
        raise OSError("no card")

    fake = FakeAnswerer(_right, load=load)
    predictor = begin(fake)
    assert [predictor.answer("a", "12"), predictor.answer("b", "12")] == [0, 0]
    assert "no card" in fake.log[0]


def test_a_solver_that_ends_its_thread_does_not_cost_the_run(begin: Callable[..., Predictor]) -> None:
    async def exits(problem: Problem) -> int:
        raise SystemExit(1)

    predictor = begin(FakeAnswerer(exits))
    assert isinstance(predictor.answer("a", "12"), int)
    assert predictor.answer("b", "12") in (0, 7)


def test_a_missed_deadline_is_not_waited_for(begin: Callable[..., Predictor], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor_module, "LATE_SECONDS", 0.0)
    fake = FakeAnswerer(_hangs, answer_by=time.monotonic())
    predictor = begin(fake)
    assert predictor.answer("a", "12") == 7
    assert "missed its deadline" in fake.log[0]
    fake.then = _right
    assert predictor.answer("b", "123") == 3  # The late problem was cancelled, and the loop still runs.


def test_a_blocked_loop_does_not_use_up_the_time_of_later_calls(
    begin: Callable[..., Predictor], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def blocks(problem: Problem) -> int:
        time.sleep(2.0)  # noqa: ASYNC251  The fault this is about.
        return 1

    monkeypatch.setattr(predictor_module, "LATE_SECONDS", 0.0)
    predictor = begin(FakeAnswerer(blocks, answer_by=time.monotonic()))
    assert predictor.answer("a", "12") == 7
    assert predictor.answer("b", "12") in (0, 7)


def test_a_blocked_loop_does_not_give_up_the_problems_that_follow(
    begin: Callable[..., Predictor], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def blocks_once(problem: Problem) -> int:
        if problem.id == "a":
            time.sleep(2.0)  # noqa: ASYNC251  The fault this is about.
        return len(problem.text)

    monkeypatch.setattr(predictor_module, "LATE_SECONDS", 0.0)
    fake = FakeAnswerer(blocks_once, answer_by=time.monotonic())
    predictor = begin(fake)
    assert predictor.answer("a", "12") == 7
    fake.answer_by = None
    assert [predictor.answer(str(number), "123") for number in range(20)] == [3] * 20


def test_a_log_that_cannot_be_written_does_no_harm(begin: Callable[..., Predictor]) -> None:
    async def dies(problem: Problem) -> int:
        raise RuntimeError("[/pair.cc:534] Connection closed by peer")

    class BrokenLog(list[str]):
        def append(self, line: str) -> None:
            raise BrokenPipeError

    assert begin(FakeAnswerer(dies, log=BrokenLog())).answer("a", "12") == 7


def test_a_loop_that_never_begins_costs_seconds_not_the_run(
    begin: Callable[..., Predictor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictor_module, "BEGIN_SECONDS", 0.0)
    monkeypatch.setattr(predictor_module, "LATE_SECONDS", 0.0)
    assert begin(FakeAnswerer(_hangs, answer_by=None)).answer("a", "12") == 7


def test_without_time_left_the_answer_is_the_fallback(begin: Callable[..., Predictor]) -> None:
    async def load() -> None:
        await asyncio.sleep(3600)

    assert begin(FakeAnswerer(_right, load=load), ends_in=0.05).answer("a", "12") == 0
