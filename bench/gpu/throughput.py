"""Measurements of tokens/s: many streams, the product compared with bare vLLM, sampling parameters, the prefix cache.

"Ours" goes through SupervisedEngine and VllmEngine, as rollouts do; "bare" is the same AsyncLLM, asked
directly. Both run in one engine process, in turns.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Awaitable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

from aimo_solver.engine.base import Sampling
from aimo_solver.simulation.engine_speeds import measure_engine_speeds
from bench.gpu.rig import Figure, Measure, Rig

SPEED_SECONDS: Final = 3.0
"""Per number of streams, after a warm-up."""
ROUNDS: Final = 3
"""Alternations of ours and bare, after one that warms up."""

SAMPLING_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "no seed": {"seed": None},
    "seed": {},
    "min_p": {"min_p": 0.02},
    "top_p": {"top_p": 0.95},
    "1 logprob": {"logprobs": 1},
    "5 logprobs": {"logprobs": 5},
    "2 stop strings": {"stop": ["```output", "</answer>"], "include_stop_str_in_output": True},
    "no detokenizing": {"detokenize": False},
}


def speed(streams: int) -> Measure:
    """Measures tokens/s of concurrent streams of ours; a stream that ends is replaced by another."""

    async def measure(rig: Rig) -> Figure:
        table = await measure_engine_speeds(
            rig.engine,
            prompt_token_ids=rig.prompt,
            streams=(streams,),
            seconds=SPEED_SECONDS,
            name="gpu",
            source="measured",
        )
        per_stream = table.tokens_per_second[0]
        text = f"{per_stream:,.1f} tokens/s per stream, {per_stream * streams:,.0f} in total"
        return Figure(text, {"streams": streams, "per_stream": per_stream})

    return measure


def ratio(streams: int, tokens: int) -> Measure:
    """Compares ours with bare AsyncLLM: concurrent streams of `tokens` tokens each, in turns."""

    async def measure(rig: Rig) -> Figure:
        sampling = Sampling(max_tokens=tokens, temperature=1.0)
        ours: list[float] = []
        bare: list[float] = []
        for number in range(ROUNDS + 1):
            ours.append(await _ours(rig, sampling, streams, number))
            bare.append(await _bare(rig, streams, number, max_tokens=tokens, temperature=1.0, ignore_eos=True))
        our_median, bare_median = statistics.median(ours[1:]), statistics.median(bare[1:])
        ratios = [one / other for one, other in zip(ours[1:], bare[1:], strict=True)]
        rounds = ", ".join(f"{one:.3f}" for one in ratios)
        text = f"{our_median:,.0f} tokens/s, bare {bare_median:,.0f}; ratio {our_median / bare_median:.3f} ({rounds})"
        return Figure(text, {"ours": our_median, "bare": bare_median, "ratios": ratios})

    return measure


def sampling_costs(streams: int, tokens: int) -> Measure:
    """Measures tokens/s of bare AsyncLLM with each of SAMPLING_PARAMETERS."""

    async def measure(rig: Rig) -> Figure:
        values: dict[str, float] = {}
        for number, (name, own) in enumerate(SAMPLING_PARAMETERS.items()):
            parameters = {"max_tokens": tokens, "temperature": 1.0, "ignore_eos": True} | own
            await _bare(rig, streams, 2 * number, **parameters | {"max_tokens": 8})
            values[name] = round(await _bare(rig, streams, 2 * number + 1, **parameters))
        return Figure("tokens/s with " + ", ".join(f"{name} {rate:,}" for name, rate in values.items()), values)

    return measure


def prefix_cache(streams: int, prompt_tokens: int) -> Measure:
    """Measures the seconds until each of `streams` requests with one long prompt has a token.

    First every request is kept from sharing the prompt's cache, then they share it, then it is cached already.
    """

    async def measure(rig: Rig) -> Figure:
        prompt = (rig.prompt * prompt_tokens)[:prompt_tokens]
        await _first_tokens(rig, prompt, ["warm"])
        unshared = await _first_tokens(rig, prompt, [f"own {index}" for index in range(streams)])
        fresh = await _first_tokens(rig, prompt, ["shared"] * streams)
        cached = await _first_tokens(rig, prompt, ["shared"] * streams)
        text = (
            f"{streams} prompts of {prompt_tokens:,} tokens: {unshared:.2f} s without sharing, {fresh:.2f} s "
            f"shared and new, {cached:.2f} s cached ({streams * prompt_tokens / unshared:,.0f} prompt tokens/s)"
        )
        return Figure(text, {"unshared_seconds": unshared, "fresh_seconds": fresh, "cached_seconds": cached})

    return measure


async def _first_tokens(rig: Rig, prompt: Sequence[int], salts: Sequence[str]) -> float:
    """Returns the seconds until every request has one token; those with the same salt share the cache."""
    prompts = [{"prompt_token_ids": list(prompt), "cache_salt": salt} for salt in salts]
    _, seconds = await _all([rig.inner.generate_directly(one, max_tokens=1) for one in prompts])
    return seconds


async def _ours(rig: Rig, sampling: Sampling, streams: int, number: int) -> float:
    """Returns the tokens/s of ours in one round."""

    async def stream(index: int) -> int:
        tokens = 0
        async with aclosing(rig.engine.generate(rig.prompt, replace(sampling, seed=_seed(number, index)))) as pieces:
            async for piece in pieces:
                tokens += len(piece.token_ids)
        return tokens

    tokens, seconds = await _all([stream(index) for index in range(streams)])
    return tokens / seconds


async def _bare(rig: Rig, streams: int, number: int, **parameters: Any) -> float:
    """Returns the tokens/s of bare AsyncLLM in one round. Each stream has its own seed unless `seed` is given."""
    engine, prompt = rig.inner, {"prompt_token_ids": rig.prompt}
    own = [{"seed": _seed(number, index)} | parameters for index in range(streams)]
    tokens, seconds = await _all([engine.generate_directly(prompt, **one) for one in own])
    return tokens / seconds


def _seed(number: int, index: int) -> int:
    return 1000 * number + index


async def _all(streams: Sequence[Awaitable[int]]) -> tuple[int, float]:
    """Runs the streams at once. Returns their tokens and the seconds until the last one ended."""
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    tokens = sum(await asyncio.gather(*streams))
    return tokens, loop.time() - started_at
