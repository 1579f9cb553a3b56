"""One suite for every Engine: subclass EngineContract as `Test...` and give it the two fixtures.

A model with random weights must pass, so nothing here expects sensible text: the stop strings are
taken from the engine's own completions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import pytest

from aimo_solver.engine.base import Completion, Engine, FinishReason, Sampling

RunCoroutine = Callable[[Coroutine[Any, Any, Any]], Any]
PROMPT = "What is 2 + 3?"
SAMPLING = Sampling(max_tokens=48, temperature=1.0, seed=7)


@dataclass(frozen=True)
class JoinedCompletion:
    """A whole completion, joined from its deltas."""

    deltas: tuple[Completion, ...]

    @property
    def token_ids(self) -> list[int]:
        return [token_id for delta in self.deltas for token_id in delta.token_ids]

    @property
    def text(self) -> str:
        return "".join(delta.text for delta in self.deltas)

    @property
    def last(self) -> Completion:
        return self.deltas[-1]


async def complete(engine: Engine, prompt_token_ids: Sequence[int], sampling: Sampling) -> JoinedCompletion:
    """Returns one whole completion."""
    return JoinedCompletion(tuple([delta async for delta in engine.generate(prompt_token_ids, sampling)]))


def prompt_ids(engine: Engine) -> list[int]:
    return engine.tokenizer.encode_chat([{"role": "user", "content": PROMPT}])


class EngineContract:
    """Needs `engine` (started), `run` (runs a coroutine on the engine's loop) and `is_idle`."""

    @pytest.fixture
    def engine(self) -> Engine:
        raise NotImplementedError

    @pytest.fixture
    def run(self) -> RunCoroutine:
        raise NotImplementedError

    async def is_idle(self, engine: Any) -> bool:
        """Returns whether the engine has no work."""
        raise NotImplementedError

    def complete(self, engine: Engine, run: RunCoroutine, sampling: Sampling = SAMPLING) -> JoinedCompletion:
        return run(complete(engine, prompt_ids(engine), sampling))

    def test_deltas_join_to_the_decode_of_their_ids(self, engine: Engine, run: RunCoroutine) -> None:
        for seed in range(4):
            joined = self.complete(engine, run, replace(SAMPLING, seed=seed))
            assert joined.text == engine.tokenizer.decode(joined.token_ids)

    def test_only_the_last_delta_has_a_finish_reason(self, engine: Engine, run: RunCoroutine) -> None:
        joined = self.complete(engine, run)
        assert [delta.finish_reason for delta in joined.deltas[:-1]] == [None] * (len(joined.deltas) - 1)
        assert joined.last.finish_reason is not None

    def test_completion_ends_at_max_tokens(self, engine: Engine, run: RunCoroutine) -> None:
        joined = self.complete(engine, run, replace(SAMPLING, max_tokens=5))
        assert (len(joined.token_ids), joined.last.finish_reason) == (5, FinishReason.LENGTH)

    def test_completion_ends_with_the_token_that_completes_a_stop_string(
        self, engine: Engine, run: RunCoroutine
    ) -> None:
        free = self.complete(engine, run)
        for stop, kept in _stops(engine, free.token_ids):
            joined = self.complete(engine, run, replace(SAMPLING, stop=(stop, "never said")))
            assert joined.token_ids == free.token_ids[:kept]
            assert joined.text == engine.tokenizer.decode(joined.token_ids)
            assert (joined.last.finish_reason, joined.last.stop) == (FinishReason.STOP, stop)

    def test_token_that_runs_past_the_stop_string_is_kept_whole(self, engine: Engine, run: RunCoroutine) -> None:
        free = self.complete(engine, run)
        place, text = next(
            (place, text)
            for place, token_id in enumerate(free.token_ids)
            if place and len(text := engine.tokenizer.decode([token_id])) > 1 and "\ufffd" not in text
        )
        joined = self.complete(engine, run, replace(SAMPLING, stop=(text[:-1],)))
        assert joined.token_ids == free.token_ids[: len(joined.token_ids)]
        assert len(joined.token_ids) <= place + 1
        last = engine.tokenizer.decode(joined.token_ids[:-1])
        assert text[:-1] in joined.text and text[:-1] not in last

    def test_completion_ends_with_a_stop_token(self, engine: Engine, run: RunCoroutine) -> None:
        free = self.complete(engine, run)
        stop_id = free.token_ids[10]
        joined = self.complete(engine, run, replace(SAMPLING, stop_token_ids=(stop_id,)))
        assert joined.token_ids == free.token_ids[: free.token_ids.index(stop_id) + 1]
        assert (joined.last.finish_reason, joined.last.stop) == (FinishReason.STOP, None)
        assert joined.text == engine.tokenizer.decode(joined.token_ids)

    def test_same_seed_gives_the_same_tokens_alone_and_in_a_batch(self, engine: Engine, run: RunCoroutine) -> None:
        async def batch() -> list[JoinedCompletion]:
            seeds = [7, 1, 2, 3, 7, 5]
            return await asyncio.gather(
                *(complete(engine, prompt_ids(engine), replace(SAMPLING, seed=seed)) for seed in seeds)
            )

        alone, joined = self.complete(engine, run), run(batch())
        assert joined[0].token_ids == joined[4].token_ids == alone.token_ids

    def test_different_seeds_give_different_tokens(self, engine: Engine, run: RunCoroutine) -> None:
        joined = [self.complete(engine, run, replace(SAMPLING, seed=seed)) for seed in (1, 2, 3)]
        assert len({tuple(one.token_ids) for one in joined}) == 3

    def test_there_is_one_logprob_per_token(self, engine: Engine, run: RunCoroutine) -> None:
        joined = self.complete(engine, run, replace(SAMPLING, logprobs=3))
        for delta in joined.deltas:
            assert delta.logprobs is not None
            assert [logprob.token_id for logprob in delta.logprobs] == list(delta.token_ids)
            assert all(logprob.logprob <= 0.0 and len(logprob.top) == 3 for logprob in delta.logprobs)

    def test_without_a_request_there_are_no_logprobs(self, engine: Engine, run: RunCoroutine) -> None:
        assert all(delta.logprobs is None for delta in self.complete(engine, run).deltas)

    def test_cancelled_consumer_aborts_the_request(self, engine: Engine, run: RunCoroutine) -> None:
        async def scenario() -> bool:
            begun = asyncio.Event()

            async def consume() -> None:
                async for _ in engine.generate(prompt_ids(engine), _endless(engine)):
                    begun.set()

            task = asyncio.create_task(consume())
            await begun.wait()
            assert not await self.is_idle(engine)
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled()
            return await self._becomes_idle(engine)

        assert run(scenario())

    def test_request_cancelled_at_once_is_aborted_too(self, engine: Engine, run: RunCoroutine) -> None:
        async def scenario() -> bool:
            for pauses in range(12):
                task = asyncio.create_task(complete(engine, prompt_ids(engine), _endless(engine)))
                for _ in range(pauses):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait({task})
            return await self._becomes_idle(engine)

        assert run(scenario())

    def test_closed_iterator_aborts_the_request(self, engine: Engine, run: RunCoroutine) -> None:
        async def scenario() -> bool:
            async with aclosing(engine.generate(prompt_ids(engine), _endless(engine))) as stream:
                await anext(stream)
            return await self._becomes_idle(engine)

        assert run(scenario())

    def test_prompt_that_leaves_no_room_gets_an_empty_completion(self, engine: Engine, run: RunCoroutine) -> None:
        prompt = [prompt_ids(engine)[0]] * engine.context_tokens
        joined = run(complete(engine, prompt, SAMPLING))
        assert joined.deltas == (Completion((), "", FinishReason.LENGTH),)

    def test_completion_ends_where_the_context_does(self, engine: Engine, run: RunCoroutine) -> None:
        prompt = (prompt_ids(engine) * engine.context_tokens)[: engine.context_tokens - 3]
        joined = run(complete(engine, prompt, replace(SAMPLING, max_tokens=100)))
        assert len(joined.token_ids) == 3 and joined.last.finish_reason is FinishReason.LENGTH

    async def _becomes_idle(self, engine: Engine, seconds: float = 20.0) -> bool:
        async with asyncio.timeout(seconds):
            while not await self.is_idle(engine):
                await asyncio.sleep(0.05)
        return True


def _endless(engine: Engine) -> Sampling:
    return replace(SAMPLING, max_tokens=engine.context_tokens)


def _stops(engine: Engine, token_ids: Sequence[int]) -> list[tuple[str, int]]:
    """Returns stop strings that end with some token of the completion, and how many tokens they keep."""
    found: list[tuple[str, int]] = []
    for start in (3, 12, 20, 27):
        text = engine.tokenizer.decode(token_ids[start : start + 3])
        before = engine.tokenizer.decode(token_ids[: start + 2])
        if "\ufffd" not in text and text not in before:
            found.append((text, start + 3))
    assert found, "every candidate was repeated or broken; choose another seed"
    return found
