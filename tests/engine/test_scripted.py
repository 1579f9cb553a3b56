"""ScriptedEngine keeps the engines' contract, and dies and hangs on request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from aimo_solver.engine.base import FinishReason, Sampling
from aimo_solver.engine.scripted import ByteTokenizer, Reply, ReplyFunction, ScriptedEngine, replies_by_prompt
from aimo_solver.errors import EngineError, EngineLoadError
from aimo_solver.simulation.virtual_clock import VirtualLoop, run_virtual
from tests.helpers.engine_contract import EngineContract, RunCoroutine, complete

TOKENS = ("answer", "```output", " the", "é", "🙂🙂")
# Letters, first and continuation bytes of longer characters, and the tokens above.
BABBLE = (*range(32, 127), *range(0xC0, 0xC8), *range(0x80, 0x90), *range(257, 262))


def babble(prompt_text: str, sampling: Sampling) -> Reply:
    """Returns random tokens, including broken characters; the same for the same seed."""
    random = Random(f"{sampling.seed}:{prompt_text}")
    token_ids = random.choices(BABBLE, k=1000)
    return Reply(token_ids=tuple(token_ids), tokens_per_chunk=random.randint(1, 9), seconds_per_chunk=0.01)


def started(reply: ReplyFunction, **settings: Any) -> ScriptedEngine:
    engine = ScriptedEngine(reply, **settings)
    run_virtual(engine.start())
    return engine


class TestScriptedEngine(EngineContract):
    @pytest.fixture
    def run(self) -> Iterator[RunCoroutine]:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            yield runner.run

    @pytest.fixture
    def engine(self, run: RunCoroutine) -> ScriptedEngine:
        engine = ScriptedEngine(babble, tokenizer=ByteTokenizer(TOKENS), context_tokens=512)
        run(engine.start())
        return engine

    async def is_idle(self, engine: ScriptedEngine) -> bool:
        return not engine.active_requests


def ask(engine: ScriptedEngine, prompt: str, **sampling: Any) -> Any:
    return complete(engine, engine.tokenizer.encode(prompt), replace(Sampling(max_tokens=100), **sampling))


def test_reply_ends_with_the_end_of_turn_token() -> None:
    joined = run_virtual(ask(started(replies_by_prompt({"hi": Reply("hello")})), "hi"))
    assert (joined.text, joined.last.finish_reason) == ("hello<|end|>", FinishReason.STOP)


def test_prompt_with_the_first_part_of_a_reply_gets_the_rest() -> None:
    engine = started(replies_by_prompt({"hi": Reply("hello")}))
    assert run_virtual(ask(engine, "hihel")).text == "lo<|end|>"


def test_chunks_take_their_seconds() -> None:
    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await ask(engine, "hi")
        return loop.time() - began

    engine = started(replies_by_prompt({"hi": Reply("x" * 9, tokens_per_chunk=5, seconds_per_chunk=2.0)}))
    assert run_virtual(scenario()) == pytest.approx(4.0)


def test_scripted_death_raises_engine_error_after_the_tokens_so_far() -> None:
    async def scenario() -> str:
        stream = engine.generate(engine.tokenizer.encode("hi"), Sampling(max_tokens=100))
        text = (await anext(stream)).text + (await anext(stream)).text
        with pytest.raises(EngineError, match="the script says so"):
            await anext(stream)
        return text

    engine = started(lambda text, sampling: Reply("abcdefgh", tokens_per_chunk=3, dies_after_tokens=5))
    assert run_virtual(scenario()) == "abcde"


def test_death_ends_all_requests_at_once() -> None:
    async def scenario() -> list[Any]:
        asks = (ask(engine, prompt) for prompt in ("dies", "slow"))
        return await asyncio.gather(*asks, return_exceptions=True)

    script = {"dies": Reply("x", dies_after_tokens=0), "slow": Reply("y", seconds_per_chunk=1e5)}
    engine = started(replies_by_prompt(script))
    assert [type(result) for result in run_virtual(scenario())] == [EngineError, EngineError]


def test_wedged_engine_gives_nothing_until_it_is_stopped() -> None:
    async def scenario() -> None:
        task = asyncio.create_task(ask(engine, "hi"))
        await asyncio.sleep(1e5)
        assert not task.done()
        await engine.stop()
        with pytest.raises(EngineError, match="stopped"):
            await task

    engine = started(lambda text, sampling: Reply("abc", hangs_after_tokens=1))
    run_virtual(scenario())


def test_engine_that_was_not_started_raises() -> None:
    with pytest.raises(EngineError, match="not started"):
        run_virtual(ask(ScriptedEngine(lambda text, sampling: Reply()), "hi"))


def test_scripted_load_error_is_raised() -> None:
    with pytest.raises(EngineLoadError, match="no such model"):
        started(babble, load_error=EngineLoadError("no such model"))
