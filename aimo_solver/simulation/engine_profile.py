"""Measures a speed table: tokens/s of one stream against the streams that run at once.

Every stream begins again when its completion ends, so that as many as asked for run all the time.
What it measures is generation alone: prompts, and waiting for code, slow real rollouts further.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing

import tomli_w

from aimo_solver.engine.base import Engine, Sampling
from aimo_solver.errors import InputError
from aimo_solver.policies.speed_table import SpeedTable

WARM_UP_SHARE = 0.2
"""Of the seconds measured, what runs before without being counted."""


async def profile_engine(
    engine: Engine,
    prompt_token_ids: Sequence[int],
    streams: Sequence[int],
    seconds: float,
    name: str,
    source: str,
    measured: Callable[[int, float], None] = lambda streams, tokens_per_second: None,
) -> SpeedTable:
    """One row for each number of streams, each measured for so many seconds."""
    if not seconds > 0:
        raise InputError(f"seconds must be positive, got {seconds!r}")
    speeds = []
    for count in streams:
        await _tokens(engine, prompt_token_ids, count, WARM_UP_SHARE * seconds)
        tokens, took_seconds = await _tokens(engine, prompt_token_ids, count, seconds)
        if not tokens:
            raise InputError(f"seconds must be enough for a token of each of {count} streams, got {seconds!r}")
        speeds.append(round(tokens / took_seconds / count, 3))
        measured(count, speeds[-1])
    return SpeedTable(name, tuple(streams), tuple(speeds), (source,) * len(speeds))


async def _tokens(engine: Engine, prompt_token_ids: Sequence[int], streams: int, seconds: float) -> tuple[int, float]:
    """Tokens made by so many streams, and the seconds they took."""
    loop = asyncio.get_running_loop()
    begun, tokens = loop.time(), 0
    room = engine.context_tokens - len(prompt_token_ids)

    async def stream(number: int) -> None:
        nonlocal tokens
        seed = number
        while loop.time() < begun + seconds:
            sampling = Sampling(max_tokens=room, temperature=1.0, seed=seed)
            async with aclosing(engine.generate(prompt_token_ids, sampling)) as pieces:
                async for piece in pieces:
                    tokens += len(piece.token_ids)
                    if loop.time() >= begun + seconds:
                        return
            seed += streams

    async with asyncio.TaskGroup() as group:
        for number in range(streams):
            group.create_task(stream(number))
    return tokens, loop.time() - begun


def speed_table_toml(table: SpeedTable) -> str:
    """The table as `load_speed_table` reads it."""
    rows = zip(table.streams, table.tokens_per_second, table.sources, strict=True)
    names = ("streams", "tokens_per_second", "source")
    return tomli_w.dumps({"row": [dict(zip(names, row, strict=True)) for row in rows]})
