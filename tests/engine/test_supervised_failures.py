"""SupervisedEngine: what is a stall and what is not, when restarts are given up, and how it stops."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply
from aimo_solver.errors import EngineError, EngineLoadError
from tests.helpers.engine_contract import JoinedCompletion
from tests.helpers.supervised_harness import (
    STALL_SECONDS,
    START_SECONDS,
    TEXT,
    TOKENIZER,
    SupervisedHarness,
    assert_whole,
    reply,
)


def test_wedged_engine_is_restarted_after_stall_seconds() -> None:
    harness = SupervisedHarness([reply(hangs_after_tokens=8), reply()])
    assert_whole(harness.run(harness.ask))
    (restart,) = harness.supervised.restarts
    assert restart.reason == "no token for 60 s"
    assert STALL_SECONDS <= restart.at_seconds <= 1.15 * STALL_SECONDS


def test_slow_but_alive_engine_is_left_alone() -> None:
    harness = SupervisedHarness([reply(seconds_per_chunk=0.9 * STALL_SECONDS)])
    assert_whole(harness.run(harness.ask))
    assert harness.supervised.restarts == []


def test_request_that_gets_nothing_while_others_do_is_no_stall() -> None:
    steady = Reply("x" * 40, tokens_per_chunk=1, seconds_per_chunk=10.0)
    harness = SupervisedHarness([{"p": steady, "q": Reply("y", seconds_per_chunk=399.0)}])

    async def scenario() -> None:
        await asyncio.gather(harness.ask("p"), harness.ask("q"))

    harness.run(scenario)
    assert harness.supervised.restarts == []


def test_idle_engine_is_left_alone() -> None:
    harness = SupervisedHarness([reply()])

    async def scenario() -> JoinedCompletion:
        await asyncio.sleep(10 * STALL_SECONDS)
        return await harness.ask()

    assert_whole(harness.run(scenario))
    assert harness.supervised.restarts == []


def test_consumer_that_takes_its_time_is_no_stall() -> None:
    harness = SupervisedHarness([reply()])

    async def scenario() -> str:
        text = ""
        async for delta in harness.supervised.generate(TOKENIZER.encode("p"), Sampling(max_tokens=200)):
            text += delta.text
            await asyncio.sleep(3 * STALL_SECONDS)
        return text

    assert harness.run(scenario) == TEXT + "<|end|>"
    assert harness.supervised.restarts == []


def test_loop_that_was_held_up_is_no_stall() -> None:
    harness = SupervisedHarness([reply(seconds_per_chunk=5.0)])

    async def scenario() -> JoinedCompletion:
        asyncio.get_running_loop().call_later(7.0, hold_up)
        return await harness.ask()

    def hold_up() -> None:
        loop: Any = asyncio.get_running_loop()
        loop._virtual_selector.seconds += 10 * STALL_SECONDS

    assert_whole(harness.run(scenario))
    assert harness.supervised.restarts == []


def test_gives_up_when_restarts_bring_no_token() -> None:
    harness = SupervisedHarness([reply(dies_after_tokens=0)], max_restarts=4)

    async def scenario() -> list[JoinedCompletion | BaseException]:
        return list(await asyncio.gather(harness.ask(), harness.ask(), return_exceptions=True))

    assert [type(result) for result in harness.run(scenario)] == [EngineError, EngineError]
    assert len(harness.engines) == 1 + 4
    assert "cannot be restarted" in harness.log[-1]


def test_restarts_that_bring_tokens_do_not_count_towards_giving_up() -> None:
    harness = SupervisedHarness(
        [*(reply(dies_after_tokens=1, tokens_per_chunk=1) for _ in range(20)), reply()], max_restarts=2
    )
    assert_whole(harness.run(harness.ask))
    assert len(harness.supervised.restarts) == 20


def test_load_error_at_a_restart_is_tried_again() -> None:
    harness = SupervisedHarness(
        [reply(dies_after_tokens=8), reply()], load_errors={1: EngineLoadError("memory is not free")}
    )
    assert_whole(harness.run(harness.ask))
    assert len(harness.engines) == 3


def test_gives_up_when_the_checkpoint_is_refused_again_and_again() -> None:
    errors: dict[int, BaseException] = {number: EngineLoadError("file is gone") for number in range(1, 9)}
    harness = SupervisedHarness([reply(dies_after_tokens=8)], load_errors=errors)
    with pytest.raises(EngineError, match="file is gone"):
        harness.run(harness.ask)
    assert len(harness.engines) == 1 + 3


def test_failure_of_the_first_start_is_raised_at_once() -> None:
    harness = SupervisedHarness([reply()], load_errors={0: EngineLoadError("no such folder")})
    with pytest.raises(EngineLoadError, match="no such folder"):
        harness.run(harness.ask)
    assert len(harness.engines) == 1


ANY_ERRORS = [
    OSError(28, "No space left on device"),
    RuntimeError("cuda"),
    SystemExit(3),
    MemoryError(),
    EngineError("x"),
]


@pytest.mark.parametrize("error", ANY_ERRORS, ids=repr)
def test_error_of_any_class_at_a_restart_is_tried_again(error: BaseException) -> None:
    harness = SupervisedHarness([reply(dies_after_tokens=8), reply()], load_errors={1: error, 2: error})
    assert_whole(harness.run(harness.ask))
    assert len(harness.engines) == 4


@pytest.mark.parametrize("error", ANY_ERRORS, ids=repr)
def test_dead_engine_that_cannot_be_ended_is_replaced_all_the_same(error: BaseException) -> None:
    harness = SupervisedHarness([reply(dies_after_tokens=8), reply()], stop_errors={0: error})
    assert_whole(harness.run(harness.ask))
    assert len(harness.engines) == 2
    assert any("ending the dead engine failed" in line for line in harness.log)


def test_restarts_end_when_no_engine_can_be_ended() -> None:
    errors: dict[int, BaseException] = dict.fromkeys(range(10), RuntimeError("stuck"))
    harness = SupervisedHarness([reply(dies_after_tokens=0)], stop_errors=errors)
    with pytest.raises(EngineError, match="cannot be restarted"):
        harness.run(harness.ask)
    assert len(harness.engines) == 1 + 10


def test_restarts_that_bring_no_token_are_spread_over_minutes() -> None:
    harness = SupervisedHarness([reply(dies_after_tokens=0)])
    with pytest.raises(EngineError, match="cannot be restarted"):
        harness.run(harness.ask)
    moments = [restart.at_seconds for restart in harness.supervised.restarts]
    gaps = [later - earlier - START_SECONDS for earlier, later in itertools.pairwise(moments)]
    assert gaps == sorted(gaps) and sum(gaps) > 120


@pytest.mark.parametrize("error", ANY_ERRORS[:4], ids=repr)
def test_error_of_any_class_at_the_first_start_is_a_load_error(error: BaseException) -> None:
    harness = SupervisedHarness([reply()], load_errors={0: error})
    with pytest.raises(EngineLoadError, match="does not start"):
        harness.run(harness.ask)


@pytest.mark.parametrize("moment_seconds", [0.15, START_SECONDS / 2])
def test_stop_ends_requests_in_flight(moment_seconds: float) -> None:
    harness = SupervisedHarness([reply(dies_after_tokens=8), reply()])

    async def scenario() -> None:
        task = asyncio.create_task(harness.ask())
        await asyncio.sleep(moment_seconds)
        await harness.supervised.stop()
        with pytest.raises(EngineError, match="stopped"):
            await task

    harness.run(scenario)
