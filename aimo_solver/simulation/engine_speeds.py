"""Measures a speed table on an engine: tokens/s of one stream, for each number of concurrent streams.

A stream whose completion ends starts another, so the number of streams is constant. Only generation
is measured: in real rollouts, prompts and waiting for code come on top.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Final

import tomli_w

from aimo_solver.engine.base import Engine, Sampling
from aimo_solver.errors import InputError
from aimo_solver.policies.speed_table import SpeedTable

WARM_UP_SHARE: Final = 0.2
"""Length of the warm-up before each row, as a share of the measured seconds. It is not counted."""


def _ignore(streams: int, tokens_per_second: float) -> None:
    """Reports nothing."""


async def measure_engine_speeds(
    engine: Engine,
    *,
    prompt_token_ids: Sequence[int],
    streams: Sequence[int],
    seconds: float,
    name: str,
    source: str,
    on_row: Callable[[int, float], None] = _ignore,
) -> SpeedTable:
    """Measures one row per number of streams, `seconds` each. `on_row` gets streams and tokens/s of one stream."""
    if not seconds > 0:
        raise InputError(f"seconds must be positive, got {seconds!r}")
    speeds: list[float] = []
    for count in streams:
        await _generate(engine, prompt_token_ids, count, WARM_UP_SHARE * seconds)
        tokens, elapsed_seconds = await _generate(engine, prompt_token_ids, count, seconds)
        if not tokens:
            raise InputError(f"seconds must be enough for {count} streams to make a token each, got {seconds!r}")
        speeds.append(round(tokens / elapsed_seconds / count, 3))
        on_row(count, speeds[-1])
    return SpeedTable(name, streams=tuple(streams), tokens_per_second=tuple(speeds), sources=(source,) * len(speeds))


async def _generate(engine: Engine, prompt_token_ids: Sequence[int], streams: int, seconds: float) -> tuple[int, float]:
    """Runs the streams for `seconds`. Returns the tokens they made and the seconds that passed."""
    loop = asyncio.get_running_loop()
    started_at, tokens = loop.time(), 0
    max_tokens = engine.context_tokens - len(prompt_token_ids)

    async def stream(number: int) -> None:
        nonlocal tokens
        seed = number
        while loop.time() < started_at + seconds:
            sampling = Sampling(max_tokens=max_tokens, temperature=1.0, seed=seed)
            async with aclosing(engine.generate(prompt_token_ids, sampling)) as pieces:
                async for piece in pieces:
                    tokens += len(piece.token_ids)
                    if loop.time() >= started_at + seconds:
                        return
            seed += streams

    async with asyncio.TaskGroup() as group:
        for number in range(streams):
            group.create_task(stream(number))
    return tokens, loop.time() - started_at


def speed_table_toml(table: SpeedTable) -> str:
    """The table as TOML that `load_speed_table` reads."""
    rows = zip(table.streams, table.tokens_per_second, table.sources, strict=True)
    names = ("streams", "tokens_per_second", "source")
    return tomli_w.dumps({"row": [dict(zip(names, row, strict=True)) for row in rows]})
