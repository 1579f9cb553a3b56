"""SupervisedEngine: deaths and stalls of the engine inside leave no trace in the completions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.engine.base import Completion, FinishReason, Sampling
from aimo_solver.engine.scripted import ByteTokenizer, Reply, ScriptedEngine, replies_by_prompt
from aimo_solver.engine.supervised import SupervisedEngine
from aimo_solver.errors import EngineError, EngineLoadError
from aimo_solver.simulation.virtual_clock import run_virtual
from tests.helpers.engine_contract import Said, complete

TOKENIZER = ByteTokenizer(("output", " the"))
TEXT = "Über the five 🙂 output of `x = 3` is the éé answer."
START_SECONDS = 20.0
STALL_SECONDS = 60.0


@dataclass
class Stage:
    """A supervised engine, the engines made for it, and its log."""

    replies: list[dict[str, Reply]]
    """Prompt -> reply for the first engine, the second, ...; the last serves all later ones."""
    load_errors: dict[int, EngineLoadError] = field(default_factory=dict)
    engines: list[ScriptedEngine] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    max_restarts: int = 10

    def __post_init__(self) -> None:
        self.supervised = SupervisedEngine(
            self._make, stall_seconds=STALL_SECONDS, max_restarts=self.max_restarts, log=self.log.append
        )

    def _make(self) -> ScriptedEngine:
        number = len(self.engines)
        script = replies_by_prompt(self.replies[min(number, len(self.replies) - 1)])
        load_error = self.load_errors.get(number)
        self.engines.append(
            ScriptedEngine(script, tokenizer=TOKENIZER, start_seconds=START_SECONDS, load_error=load_error)
        )
        return self.engines[-1]

    def ask(self, prompt: str = "p", **sampling: Any) -> Any:
        return complete(self.supervised, TOKENIZER.encode(prompt), replace(Sampling(max_tokens=200), **sampling))

    def run(self, story: Callable[[], Any]) -> Any:
        async def on_stage() -> Any:
            await self.supervised.start()
            try:
                return await story()
            finally:
                await self.supervised.stop()

        return run_virtual(on_stage())


def reply(**settings: Any) -> dict[str, Reply]:
    return {"p": replace(Reply(TEXT, tokens_per_chunk=4), **settings)}


def assert_whole(said: Said, text: str = TEXT + "<|end|>") -> None:
    assert said.text == text
    assert said.text == TOKENIZER.decode(said.token_ids)


def test_undisturbed_completion_passes_through() -> None:
    stage = Stage([reply()])
    assert_whole(stage.run(stage.ask))
    assert stage.supervised.restarts == [] and stage.log == []


def test_completion_goes_on_after_a_death() -> None:
    stage = Stage([reply(dies_after_tokens=17), reply()])
    said = stage.run(stage.ask)
    assert_whole(said)
    assert said.last.finish_reason is FinishReason.STOP


def test_restart_is_recorded_and_logged() -> None:
    stage = Stage([reply(dies_after_tokens=8, seconds_per_chunk=1.0), reply()])
    stage.run(stage.ask)
    (restart,) = stage.supervised.restarts
    assert (restart.at_seconds, restart.seconds) == (pytest.approx(3.0), pytest.approx(START_SECONDS))
    assert stage.log == [
        "engine died (the scripted engine does not run: the script says so), 1 rollouts wait; restarting",
        "engine restarted in 20.0 s, 1 rollouts resume from their own tokens",
    ]


@settings(deadline=None, max_examples=60)
@given(deaths=st.lists(st.integers(0, 60), max_size=4), tokens_per_chunk=st.integers(1, 9), wedges=st.booleans())
def test_no_token_is_lost_or_doubled(deaths: list[int], tokens_per_chunk: int, wedges: bool) -> None:
    misfortune = "hangs_after_tokens" if wedges else "dies_after_tokens"
    scripts = [reply(tokens_per_chunk=tokens_per_chunk, **{misfortune: after}) for after in deaths]
    stage = Stage([*scripts, reply(tokens_per_chunk=tokens_per_chunk)])
    said = stage.run(lambda: stage.ask(logprobs=1))
    assert_whole(said)
    assert [len(delta.logprobs or ()) for delta in said.deltas] == [len(delta.token_ids) for delta in said.deltas]


@settings(deadline=None, max_examples=60)
@given(death=st.integers(0, 50), stop=st.sampled_from(["🙂 out", "x = 3`", "é answer", "r the f", "put of"]))
def test_stop_string_that_straddles_the_restart_is_found(death: int, stop: str) -> None:
    undisturbed, disturbed = Stage([reply()]), Stage([reply(dies_after_tokens=death), reply()])
    expected = undisturbed.run(lambda: undisturbed.ask(stop=(stop,)))
    said = disturbed.run(lambda: disturbed.ask(stop=(stop,)))
    assert said.token_ids == expected.token_ids
    assert (said.last.finish_reason, said.last.stop) == (FinishReason.STOP, stop)
    assert said.text == TOKENIZER.decode(said.token_ids)


@settings(deadline=None, max_examples=30)
@given(death=st.integers(0, 12), max_tokens=st.integers(1, 12))
def test_max_tokens_counts_over_the_restart(death: int, max_tokens: int) -> None:
    stage = Stage([reply(dies_after_tokens=death, tokens_per_chunk=1), reply()])
    said = stage.run(lambda: stage.ask(max_tokens=max_tokens))
    assert (len(said.token_ids), said.last.finish_reason) == (max_tokens, FinishReason.LENGTH)
    assert said.text == TOKENIZER.decode(said.token_ids)


def test_one_death_is_one_restart_for_all_requests() -> None:
    prompts = [f"p{number}" for number in range(12)]
    slow = {prompt: Reply(TEXT, tokens_per_chunk=2) for prompt in prompts}
    stage = Stage([slow | {"p5": Reply(TEXT, tokens_per_chunk=2, dies_after_tokens=9)}, slow])

    async def story() -> list[Said]:
        return await asyncio.gather(*(stage.ask(prompt) for prompt in prompts))

    for said in stage.run(story):
        assert_whole(said)
    assert len(stage.supervised.restarts) == 1
    assert "12 rollouts wait" in stage.log[0] and "12 rollouts resume" in stage.log[1]


def test_wedged_engine_is_restarted_after_stall_seconds() -> None:
    stage = Stage([reply(hangs_after_tokens=8), reply()])
    assert_whole(stage.run(stage.ask))
    (restart,) = stage.supervised.restarts
    assert restart.reason == "no token for 60 s"
    assert STALL_SECONDS <= restart.at_seconds <= 1.15 * STALL_SECONDS


def test_slow_but_alive_engine_is_left_alone() -> None:
    stage = Stage([reply(seconds_per_chunk=0.9 * STALL_SECONDS)])
    assert_whole(stage.run(stage.ask))
    assert stage.supervised.restarts == []


def test_request_that_gets_nothing_while_others_do_is_no_stall() -> None:
    steady = Reply("x" * 40, tokens_per_chunk=1, seconds_per_chunk=10.0)
    stage = Stage([{"p": steady, "q": Reply("y", seconds_per_chunk=399.0)}])

    async def story() -> None:
        await asyncio.gather(stage.ask("p"), stage.ask("q"))

    stage.run(story)
    assert stage.supervised.restarts == []


def test_idle_engine_is_left_alone() -> None:
    stage = Stage([reply()])

    async def story() -> Said:
        await asyncio.sleep(10 * STALL_SECONDS)
        return await stage.ask()

    assert_whole(stage.run(story))
    assert stage.supervised.restarts == []


def test_consumer_that_takes_its_time_is_no_stall() -> None:
    stage = Stage([reply()])

    async def story() -> str:
        text = ""
        async for delta in stage.supervised.generate(TOKENIZER.encode("p"), Sampling(max_tokens=200)):
            text += delta.text
            await asyncio.sleep(3 * STALL_SECONDS)
        return text

    assert stage.run(story) == TEXT + "<|end|>"
    assert stage.supervised.restarts == []


def test_loop_that_was_held_up_does_not_accuse_the_engine() -> None:
    stage = Stage([reply(seconds_per_chunk=5.0)])

    async def story() -> Said:
        asyncio.get_running_loop().call_later(7.0, hold_up)
        return await stage.ask()

    def hold_up() -> None:
        loop: Any = asyncio.get_running_loop()
        loop._virtual_selector.seconds += 10 * STALL_SECONDS

    assert_whole(stage.run(story))
    assert stage.supervised.restarts == []


def test_new_request_waits_for_the_restart() -> None:
    stage = Stage([reply(dies_after_tokens=0) | {"q": Reply("later")}])
    stage.replies.append(reply() | {"q": Reply("later")})

    async def story() -> tuple[Said, Said]:
        first = asyncio.create_task(stage.ask("p"))
        await asyncio.sleep(START_SECONDS / 2)
        return await stage.ask("q"), await first

    later, first = stage.run(story)
    assert_whole(later, "later<|end|>")
    assert_whole(first)


def test_request_cancelled_during_a_restart_ends_at_once() -> None:
    stage = Stage([reply(dies_after_tokens=8), reply()])

    async def story() -> float:
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(stage.ask())
        await asyncio.sleep(START_SECONDS / 2)
        cancelled_at = loop.time()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        ended_after = loop.time() - cancelled_at
        assert_whole(await stage.ask())  # The restart itself goes on.
        return ended_after

    assert stage.run(story) == 0.0
    assert len(stage.supervised.restarts) == 1


def test_cancelled_and_closed_requests_are_aborted_inside() -> None:
    stage = Stage([reply(seconds_per_chunk=10.0)])

    async def story() -> None:
        task = asyncio.create_task(stage.ask())
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.wait({task})
        async with aclosing(stage.supervised.generate(TOKENIZER.encode("p"), Sampling(max_tokens=9))) as stream:
            await anext(stream)
        assert stage.engines[0].requests == 2 and not stage.engines[0].active_requests

    stage.run(story)


def test_gives_up_when_restarts_bring_no_token() -> None:
    stage = Stage([reply(dies_after_tokens=0)], max_restarts=4)

    async def story() -> list[Any]:
        return await asyncio.gather(stage.ask(), stage.ask(), return_exceptions=True)

    assert [type(result) for result in stage.run(story)] == [EngineError, EngineError]
    assert len(stage.engines) == 1 + 4
    assert "does not come back" in stage.log[-1]


def test_restarts_that_bring_tokens_do_not_count_towards_giving_up() -> None:
    stage = Stage([*(reply(dies_after_tokens=1, tokens_per_chunk=1) for _ in range(20)), reply()], max_restarts=2)
    assert_whole(stage.run(stage.ask))
    assert len(stage.supervised.restarts) == 20


def test_load_error_at_a_restart_is_tried_again() -> None:
    stage = Stage([reply(dies_after_tokens=8), reply()], load_errors={1: EngineLoadError("memory is not free")})
    assert_whole(stage.run(stage.ask))
    assert len(stage.engines) == 3


def test_gives_up_when_the_checkpoint_is_refused_again_and_again() -> None:
    errors = {number: EngineLoadError("file is gone") for number in range(1, 9)}
    stage = Stage([reply(dies_after_tokens=8)], load_errors=errors)
    with pytest.raises(EngineError, match="file is gone"):
        stage.run(stage.ask)
    assert len(stage.engines) == 1 + 3


def test_failure_of_the_first_start_is_raised_at_once() -> None:
    stage = Stage([reply()], load_errors={0: EngineLoadError("no such folder")})
    with pytest.raises(EngineLoadError, match="no such folder"):
        stage.run(stage.ask)
    assert len(stage.engines) == 1


@pytest.mark.parametrize("moment_seconds", [0.15, START_SECONDS / 2])
def test_stop_ends_requests_in_flight(moment_seconds: float) -> None:
    stage = Stage([reply(dies_after_tokens=8), reply()])

    async def story() -> None:
        task = asyncio.create_task(stage.ask())
        await asyncio.sleep(moment_seconds)
        await stage.supervised.stop()
        with pytest.raises(EngineError, match="stopped"):
            await task

    stage.run(story)


def test_resumed_request_draws_with_another_seed() -> None:
    stage = Stage([reply(dies_after_tokens=8, seconds_per_chunk=1.0), reply(seconds_per_chunk=1.0)])

    async def story() -> list[int | None]:
        task = asyncio.create_task(stage.ask(seed=5))
        seeds: list[int | None] = []
        for seconds in (1.5, START_SECONDS + 3.0):
            await asyncio.sleep(seconds)
            seeds += [sampling.seed for sampling in stage.engines[-1].active_requests.values()]
        await task
        return seeds

    first, second = stage.run(story)
    assert first == 5 and second not in (None, 5)


def test_death_behind_the_last_allowed_token_still_ends_the_completion() -> None:
    class SilentEnd(ScriptedEngine):
        async def generate(
            self, prompt_token_ids: Sequence[int], sampling: Sampling
        ) -> AsyncGenerator[Completion, None]:
            async for delta in super().generate(prompt_token_ids, sampling):
                yield Completion(delta.token_ids, delta.text)
                if delta.finish_reason:
                    raise EngineError("died before it said that this was the end")

    engines = iter([SilentEnd, ScriptedEngine])
    script = replies_by_prompt(reply())
    supervised = SupervisedEngine(lambda: next(engines)(script, tokenizer=TOKENIZER), log=lambda _: None)

    async def story() -> Said:
        await supervised.start()
        said = await complete(supervised, TOKENIZER.encode("p"), Sampling(max_tokens=8))
        await supervised.stop()
        return said

    said = run_virtual(story())
    assert (len(said.token_ids), said.last.finish_reason) == (8, FinishReason.LENGTH)
