"""SupervisedEngine: deaths of the engine inside leave no trace in the completions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.engine.base import Completion, FinishReason, Sampling
from aimo_solver.engine.scripted import Reply, ScriptedEngine, replies_by_prompt
from aimo_solver.engine.supervised import SupervisedEngine
from aimo_solver.errors import EngineError
from aimo_solver.simulation.virtual_clock import run_virtual
from tests.helpers.engine_contract import JoinedCompletion, complete
from tests.helpers.supervised_harness import (
    START_SECONDS,
    TEXT,
    TOKENIZER,
    SupervisedHarness,
    assert_whole,
    reply,
)


def test_undisturbed_completion_passes_through() -> None:
    harness = SupervisedHarness([reply()])
    assert_whole(harness.run(harness.ask))
    assert harness.supervised.restarts == [] and harness.log == []


def test_completion_resumes_after_a_death() -> None:
    harness = SupervisedHarness([reply(dies_after_tokens=17), reply()])
    joined = harness.run(harness.ask)
    assert_whole(joined)
    assert joined.last.finish_reason is FinishReason.STOP


def test_restart_is_recorded_and_logged() -> None:
    harness = SupervisedHarness([reply(dies_after_tokens=8, seconds_per_chunk=1.0), reply()])
    harness.run(harness.ask)
    (restart,) = harness.supervised.restarts
    assert (restart.at_seconds, restart.seconds) == (pytest.approx(3.0), pytest.approx(START_SECONDS))
    assert harness.log == [
        "engine died (the scripted engine does not run: the script says so), 1 rollouts wait; restarting",
        "engine restarted in 20.0 s, 1 rollouts resume from their own tokens",
    ]


@settings(deadline=None, max_examples=60)
@given(deaths=st.lists(st.integers(0, 60), max_size=4), tokens_per_chunk=st.integers(1, 9), wedges=st.booleans())
def test_no_token_is_lost_or_doubled(deaths: list[int], tokens_per_chunk: int, wedges: bool) -> None:
    failure = "hangs_after_tokens" if wedges else "dies_after_tokens"
    scripts = [reply(tokens_per_chunk=tokens_per_chunk, **{failure: after}) for after in deaths]
    harness = SupervisedHarness([*scripts, reply(tokens_per_chunk=tokens_per_chunk)])
    joined = harness.run(lambda: harness.ask(logprobs=1))
    assert_whole(joined)
    assert [len(delta.logprobs or ()) for delta in joined.deltas] == [len(delta.token_ids) for delta in joined.deltas]


@settings(deadline=None, max_examples=60)
@given(death=st.integers(0, 50), stop=st.sampled_from(["🙂 out", "x = 3`", "é answer", "r the f", "put of"]))
def test_stop_string_that_straddles_the_restart_is_found(death: int, stop: str) -> None:
    undisturbed, disturbed = SupervisedHarness([reply()]), SupervisedHarness([reply(dies_after_tokens=death), reply()])
    expected = undisturbed.run(lambda: undisturbed.ask(stop=(stop,)))
    joined = disturbed.run(lambda: disturbed.ask(stop=(stop,)))
    assert joined.token_ids == expected.token_ids
    assert (joined.last.finish_reason, joined.last.stop) == (FinishReason.STOP, stop)
    assert joined.text == TOKENIZER.decode(joined.token_ids)


@settings(deadline=None, max_examples=30)
@given(death=st.integers(0, 12), max_tokens=st.integers(1, 12))
def test_max_tokens_counts_over_the_restart(death: int, max_tokens: int) -> None:
    harness = SupervisedHarness([reply(dies_after_tokens=death, tokens_per_chunk=1), reply()])
    joined = harness.run(lambda: harness.ask(max_tokens=max_tokens))
    assert (len(joined.token_ids), joined.last.finish_reason) == (max_tokens, FinishReason.LENGTH)
    assert joined.text == TOKENIZER.decode(joined.token_ids)


def test_one_death_is_one_restart_for_all_requests() -> None:
    prompts = [f"p{number}" for number in range(12)]
    slow = {prompt: Reply(TEXT, tokens_per_chunk=2) for prompt in prompts}
    harness = SupervisedHarness([slow | {"p5": Reply(TEXT, tokens_per_chunk=2, dies_after_tokens=9)}, slow])

    async def scenario() -> list[JoinedCompletion]:
        return await asyncio.gather(*(harness.ask(prompt) for prompt in prompts))

    for joined in harness.run(scenario):
        assert_whole(joined)
    assert len(harness.supervised.restarts) == 1
    assert "12 rollouts wait" in harness.log[0] and "12 rollouts resume" in harness.log[1]


def test_new_request_waits_for_the_restart() -> None:
    harness = SupervisedHarness([reply(dies_after_tokens=0) | {"q": Reply("later")}])
    harness.replies.append(reply() | {"q": Reply("later")})

    async def scenario() -> tuple[JoinedCompletion, JoinedCompletion]:
        first = asyncio.create_task(harness.ask("p"))
        await asyncio.sleep(START_SECONDS / 2)
        return await harness.ask("q"), await first

    later, first = harness.run(scenario)
    assert_whole(later, "later<|end|>")
    assert_whole(first)


def test_request_cancelled_during_a_restart_ends_at_once() -> None:
    harness = SupervisedHarness([reply(dies_after_tokens=8), reply()])

    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(harness.ask())
        await asyncio.sleep(START_SECONDS / 2)
        cancelled_at = loop.time()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        ended_after = loop.time() - cancelled_at
        assert_whole(await harness.ask())  # The restart itself continues.
        return ended_after

    assert harness.run(scenario) == 0.0
    assert len(harness.supervised.restarts) == 1


def test_cancelled_and_closed_requests_are_aborted_inside() -> None:
    harness = SupervisedHarness([reply(seconds_per_chunk=10.0)])

    async def scenario() -> None:
        task = asyncio.create_task(harness.ask())
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.wait({task})
        async with aclosing(harness.supervised.generate(TOKENIZER.encode("p"), Sampling(max_tokens=9))) as stream:
            await anext(stream)
        assert harness.engines[0].requests == 2 and not harness.engines[0].active_requests

    harness.run(scenario)


def test_resumed_request_draws_with_another_seed() -> None:
    harness = SupervisedHarness([reply(dies_after_tokens=8, seconds_per_chunk=1.0), reply(seconds_per_chunk=1.0)])

    async def scenario() -> list[int | None]:
        task = asyncio.create_task(harness.ask(seed=5))
        seeds: list[int | None] = []
        for seconds in (1.5, START_SECONDS + 3.0):
            await asyncio.sleep(seconds)
            seeds += [sampling.seed for sampling in harness.engines[-1].active_requests.values()]
        await task
        return seeds

    first, second = harness.run(scenario)
    assert first == 5 and second not in (None, 5)


def test_death_after_the_last_allowed_token_still_ends_the_completion() -> None:
    class SilentEnd(ScriptedEngine):
        async def generate(
            self, prompt_token_ids: Sequence[int], sampling: Sampling
        ) -> AsyncGenerator[Completion, None]:
            async for delta in super().generate(prompt_token_ids, sampling):
                yield Completion(delta.token_ids, delta.text)
                if delta.finish_reason:
                    raise EngineError("died before it joined that this was the end")

    engines = iter([SilentEnd, ScriptedEngine])
    script = replies_by_prompt(reply())
    supervised = SupervisedEngine(lambda: next(engines)(script, tokenizer=TOKENIZER), log=lambda _: None)

    async def scenario() -> JoinedCompletion:
        await supervised.start()
        joined = await complete(supervised, TOKENIZER.encode("p"), Sampling(max_tokens=8))
        await supervised.stop()
        return joined

    joined = run_virtual(scenario())
    assert (len(joined.token_ids), joined.last.finish_reason) == (8, FinishReason.LENGTH)
