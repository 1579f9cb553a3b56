"""Measurements of single events: start, memory, stop strings, aborts, restarts. Each is one function."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from aimo_solver.engine.base import Sampling
from bench.gpu.log import read_log
from bench.gpu.rig import Figure, Measure, Rig

IDLE_SECONDS: Final = 30.0
"""How long the core may stay busy after an abort."""
STOP_ROUNDS: Final = 5
RESTART_STREAMS: Final = 8
_MEMORY: Final = (
    "used_gib",
    "weights_gib",
    "kv_cache_gib",
    "kv_cache_tokens",
    "graphs_gib",
    "attention",
    "experts",
    "runner",
)


async def start_up(rig: Rig) -> Figure:
    """Reports the seconds from nothing to an engine that answers, by part."""
    values = {"start_seconds": round(rig.start_seconds, 2)} | read_log(rig.log())
    weights, profile = values.get("weights_seconds", 0.0), values.get("profile_seconds", 0.0)
    values["process_seconds"] = round(rig.start_seconds - weights - profile, 2)
    text = f"{rig.start_seconds:.1f} s: process and imports {values['process_seconds']:.1f}, weights {weights:.1f}"
    text += f", profiling, KV cache and graphs {profile:.1f}"
    names = [name for name in ("compile", "graphs") if f"{name}_seconds" in values]
    if names:
        text += " (" + ", ".join(f"{name} {values[f'{name}_seconds']:.1f}" for name in names) + ")"
    return Figure(text, values)


async def memory(rig: Rig) -> Figure:
    """Reports the GPU's memory, and which kernels vLLM chose."""
    found = read_log(rig.log()) | {"used_gib": await used_gib()}
    values = {name: found[name] for name in _MEMORY if found.get(name) is not None}
    shown = (f"{name} {value:,}" if name.endswith("tokens") else f"{name} {value}" for name, value in values.items())
    return Figure(", ".join(shown), values)


async def used_gib() -> float | None:
    """Returns how much memory of the first GPU is in use, in GiB; None without a GPU."""
    command = ("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits")
    try:
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    except OSError:
        return None
    output, _ = await process.communicate()
    return round(float(output.split()[0]) / 1024, 1) if output.strip() else None


async def stop_string(rig: Rig) -> Figure:
    """Measures the delay between the token that completes a stop string and the end of its request, alone."""
    tokens, stop_at = 64, 40
    delays: list[float] = []
    for seed in range(STOP_ROUNDS):
        sampling = Sampling(max_tokens=tokens, temperature=1.0, seed=seed)
        whole = await _generate(rig, sampling)
        token_seconds = (whole.last_at - whole.first_at) / (tokens - 1)
        stop = rig.engine.tokenizer.decode(whole.token_ids[stop_at - 2 : stop_at])
        stopped = await _generate(rig, replace(sampling, stop=(stop,)))
        delays.append(stopped.last_at - stopped.first_at - token_seconds * (len(stopped.token_ids) - 1))
    text = f"{1000 * statistics.median(delays):.1f} ms after its token (median of {len(delays)})"
    return Figure(text, {"seconds": delays})


def abort(streams: int) -> Measure:
    """Measures the seconds from cancelling all streams until vLLM's core has no request left."""

    async def measure(rig: Rig) -> Figure:
        loop = asyncio.get_running_loop()
        tasks = [
            asyncio.ensure_future(_generate(rig, Sampling(max_tokens=4096, temperature=1.0, seed=index)))
            for index in range(streams)
        ]
        await asyncio.sleep(1.0)
        started_at = loop.time()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        cancelled = loop.time() - started_at
        while not await rig.inner.is_idle():
            if loop.time() > started_at + IDLE_SECONDS:
                raise TimeoutError(f"the core is still busy {IDLE_SECONDS:g} s after the abort")
        idle = loop.time() - started_at
        text = f"{streams} streams ended after {1000 * cancelled:.0f} ms, the core was idle after {1000 * idle:.0f} ms"
        return Figure(text, {"cancelled_seconds": cancelled, "idle_seconds": idle})

    return measure


async def restart(rig: Rig) -> Figure:
    """Kills the engine's core (kill -9) under eight streams and measures how long it takes until they resume."""
    loop = asyncio.get_running_loop()
    restarts = len(rig.engine.restarts)

    async def stream(seed: int) -> float:
        """Generates completions until the restart is over; returns when the last of them ended."""
        last_at = 0.0
        while len(rig.engine.restarts) == restarts:
            last_at = (await _generate(rig, Sampling(max_tokens=600, temperature=1.0, seed=seed))).last_at
            seed += RESTART_STREAMS
        return last_at

    tasks = [asyncio.ensure_future(stream(number)) for number in range(RESTART_STREAMS)]
    await asyncio.sleep(1.0)
    killed_at = loop.time()
    os.kill(rig.core_id(), signal.SIGKILL)
    finished_seconds = max(await asyncio.gather(*tasks)) - killed_at
    last = rig.engine.restarts[-1]
    text = f"{last.seconds:.1f} s ({last.reason}); "
    text += f"the last of {RESTART_STREAMS} streams ended {finished_seconds:.1f} s after the kill"
    values = {"restart_seconds": last.seconds, "finished_seconds": finished_seconds}
    return Figure(text, values | read_log(rig.log()))


@dataclass(frozen=True, slots=True)
class _TimedTokens:
    """The tokens of one completion, and the loop times of its first and last delta."""

    token_ids: list[int]
    first_at: float
    last_at: float


async def _generate(rig: Rig, sampling: Sampling) -> _TimedTokens:
    loop = asyncio.get_running_loop()
    token_ids: list[int] = []
    first_at = last_at = 0.0
    async with aclosing(rig.engine.generate(rig.prompt, sampling)) as pieces:
        async for piece in pieces:
            last_at = loop.time()
            first_at = first_at or last_at
            token_ids += piece.token_ids
    return _TimedTokens(token_ids, first_at, last_at)
