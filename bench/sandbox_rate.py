"""The sandbox compared with its peers: seconds per program, and start and memory of many sessions.

Peers: a new Python process per call that first imports numpy and sympy, as Numina's executor does; and a
pool of Jupyter kernels driven through jupyter_client, as AIMO3 notebooks do. The kernels are left out
unless requirements/bench.txt is installed. Runs alternate; the figures are medians and their ratios.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from aimo_solver.sandbox import processes
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.sandbox.process_sandbox import ProcessSandbox

TRIVIAL = "print(6 * 7)"
SOLVE = "import sympy\nx = sympy.Symbol('x')\nprint(sympy.solve(x**2 - 5 * x + 6, x))"
IMPORTS = "import numpy, sympy\n"
CELL_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class PoolCost:
    """What many sessions cost."""

    start_seconds: float
    bytes: int
    """Proportional memory, after each session has solved something."""


async def one_shot(sandbox: ProcessSandbox, code: str) -> float:
    """Returns the seconds of a session that runs one cell, opening and closing included."""
    started = time.perf_counter()
    session = await sandbox.open_session()
    result = await session.execute(code, CELL_SECONDS)
    await session.close()
    assert result.status is ExecutionStatus.OK, result
    return time.perf_counter() - started


async def fresh_process(code: str) -> float:
    """Returns the seconds of a new Python that first imports what Numina's executor imports."""
    started = time.perf_counter()
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", IMPORTS + code], check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - started


async def back_to_back(sandbox: ProcessSandbox, code: str, runs: int) -> float:
    """Returns the seconds per session when each is opened right after the last: deferred work is included."""
    started = time.perf_counter()
    for _ in range(runs):
        await one_shot(sandbox, code)
    return (time.perf_counter() - started) / runs


async def alternate(runs: int, *calls: Callable[[], Awaitable[float]]) -> list[float]:
    """Runs the calls in turns and returns the median seconds of each."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(runs):
        for kept, call in zip(seconds, calls, strict=True):
            kept.append(await call())
    return [statistics.median(kept) for kept in seconds]


async def our_pool(sessions: int) -> PoolCost:
    """Measures our sandbox with `sessions` sessions that have each solved something."""
    before = below_this_process()
    started = time.perf_counter()
    sandbox = ProcessSandbox()
    opened = [await sandbox.open_session() for _ in range(sessions)]
    await asyncio.gather(*(session.execute("1", CELL_SECONDS) for session in opened))
    start_seconds = time.perf_counter() - started
    await asyncio.gather(*(session.execute(SOLVE, CELL_SECONDS) for session in opened))
    pool = PoolCost(start_seconds, memory_of(below_this_process() - before))
    await sandbox.close()
    return pool


async def kernel_pool(kernels: int) -> PoolCost:
    """Measures as many Jupyter kernels, started four at a time, as the notebooks do."""
    jupyter: Any = importlib.import_module("jupyter_client.manager")  # It may not be installed.

    before = below_this_process()
    started = time.perf_counter()
    at_once = asyncio.Semaphore(4)
    managers: list[Any] = []
    clients: list[Any] = []

    async def start() -> None:
        async with at_once:
            manager = jupyter.AsyncKernelManager()
            await manager.start_kernel(stderr=subprocess.DEVNULL)  # Each kernel prints a long warning about TCP.
            client = manager.client()
            client.start_channels()
            await client.wait_for_ready(timeout=CELL_SECONDS)
            managers.append(manager)
            clients.append(client)
            await client.execute_interactive(IMPORTS, timeout=CELL_SECONDS, output_hook=_ignore)

    try:
        await asyncio.gather(*(start() for _ in range(kernels)))
        start_seconds = time.perf_counter() - started
        for client in clients:
            await client.execute_interactive(SOLVE, timeout=CELL_SECONDS, output_hook=_ignore)
        return PoolCost(start_seconds, memory_of(below_this_process() - before))
    finally:
        for client in clients:
            client.stop_channels()
        await asyncio.gather(*(manager.shutdown_kernel(now=True) for manager in managers))


def _ignore(message: object) -> None:
    """Drops a kernel's output."""


def below_this_process() -> set[int]:
    """Returns the ids of all descendants of this process."""
    return processes.descendants(os.getpid())


def memory_of(pids: set[int]) -> int:
    """Returns the proportional memory of the processes, in bytes."""
    return sum(map(processes.proportional_bytes, pids))


async def measure(runs: int, sessions: int, console: Console) -> None:
    """Measures and prints the table."""
    table = Table("", "ours", "peer", "ratio", title="sandbox")
    sandbox = ProcessSandbox()
    await one_shot(sandbox, SOLVE)  # Warms up; the zygote's start is in the pool's figure.
    for name, code in (("one-shot trivial", TRIVIAL), ("one-shot sympy solve", SOLVE)):
        ours, peer = await alternate(runs, lambda c=code: one_shot(sandbox, c), lambda c=code: fresh_process(c))
        table.add_row(f"{name}, fresh process", f"{1e3 * ours:.1f} ms", f"{1e3 * peer:.1f} ms", f"{peer / ours:.1f}x")
        table.add_row(f"{name}, back to back", f"{1e3 * await back_to_back(sandbox, code, runs):.1f} ms", "", "")
    await sandbox.close()
    pool = await our_pool(sessions)
    rows = [f"{pool.start_seconds:.2f} s", f"{pool.bytes / 2**20:.0f} MB"]
    peers, ratios = ["not installed"] * 2, ["-"] * 2
    if importlib.util.find_spec("jupyter_client") and importlib.util.find_spec("ipykernel"):
        kernels = await kernel_pool(sessions)
        peers = [f"{kernels.start_seconds:.2f} s", f"{kernels.bytes / 2**20:.0f} MB"]
        ratios = [f"{kernels.start_seconds / pool.start_seconds:.1f}x", f"{kernels.bytes / pool.bytes:.1f}x"]
    for name, ours_text, peer_text, ratio in zip(("start", "memory"), rows, peers, ratios, strict=True):
        table.add_row(f"{sessions} sessions, {name}, Jupyter kernels", ours_text, peer_text, ratio)
    console.print(table)


def main(
    runs: Annotated[int, typer.Option(min=1, help="Runs of each program.")] = 20,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions, and kernels, at once.")] = 48,
) -> None:
    """Compares seconds per program, and start and memory of many sessions, with the peers.

    Example: python -m bench sandbox --sessions 8
    """
    asyncio.run(measure(runs, sessions, Console()))
