"""The sandbox beside its peers, in one run: seconds a program, memory and start of many sessions.

Peers: a fresh Python process a call that imports numpy and sympy first, as Numina's executor does;
and a pool of Jupyter kernels driven through jupyter_client, as AIMO3 notebooks do (left out, and
said so, where jupyter_client and ipykernel are not installed: `pip install jupyter_client ipykernel`).
Ours and theirs alternate; the figures are medians and their ratios.
"""

from __future__ import annotations

import asyncio
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
class Pool:
    """What many sessions take."""

    start_seconds: float
    bytes: int
    """Proportional memory, after a solve in each."""


async def one_shot(sandbox: ProcessSandbox, code: str) -> float:
    """Seconds for a session that runs one cell, opening and closing included."""
    started = time.perf_counter()
    session = await sandbox.open_session()
    result = await session.execute(code, CELL_SECONDS)
    await session.close()
    assert result.status is ExecutionStatus.OK, result
    return time.perf_counter() - started


async def fresh_process(code: str) -> float:
    """Seconds for a new Python that imports what Numina's executor imports."""
    started = time.perf_counter()
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", IMPORTS + code], check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - started


async def back_to_back(sandbox: ProcessSandbox, code: str, runs: int) -> float:
    """Seconds a session when the next is opened at once: what is put off, or done ahead, is in it."""
    started = time.perf_counter()
    for _ in range(runs):
        await one_shot(sandbox, code)
    return (time.perf_counter() - started) / runs


async def alternate(runs: int, *calls: Callable[[], Awaitable[float]]) -> list[float]:
    """Each call's median seconds."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(runs):
        for kept, call in zip(seconds, calls, strict=True):
            kept.append(await call())
    return [statistics.median(kept) for kept in seconds]


async def our_pool(sessions: int) -> Pool:
    """From nothing to `sessions` sessions that have each solved something."""
    before = below_this_process()
    started = time.perf_counter()
    sandbox = ProcessSandbox()
    opened = [await sandbox.open_session() for _ in range(sessions)]
    await asyncio.gather(*(session.execute("1", CELL_SECONDS) for session in opened))
    start_seconds = time.perf_counter() - started
    await asyncio.gather(*(session.execute(SOLVE, CELL_SECONDS) for session in opened))
    pool = Pool(start_seconds, memory_of(below_this_process() - before))
    await sandbox.close()
    return pool


async def kernel_pool(kernels: int) -> Pool:
    """The same with Jupyter kernels, four started at once, as the notebooks do."""
    from jupyter_client.manager import AsyncKernelManager  # pyright: ignore[reportMissingImports]

    before = below_this_process()
    started = time.perf_counter()
    at_once = asyncio.Semaphore(4)
    managers: list[Any] = []
    clients: list[Any] = []

    async def start() -> None:
        async with at_once:
            manager = AsyncKernelManager()
            await manager.start_kernel(stderr=subprocess.DEVNULL)  # It warns of TCP, each kernel at length.
            client = manager.client()
            client.start_channels()
            await client.wait_for_ready(timeout=CELL_SECONDS)
            managers.append(manager)
            clients.append(client)
            await client.execute_interactive(IMPORTS, timeout=CELL_SECONDS, output_hook=lambda _: None)

    try:
        await asyncio.gather(*(start() for _ in range(kernels)))
        start_seconds = time.perf_counter() - started
        for client in clients:
            await client.execute_interactive(SOLVE, timeout=CELL_SECONDS, output_hook=lambda _: None)
        return Pool(start_seconds, memory_of(below_this_process() - before))
    finally:
        for client in clients:
            client.stop_channels()
        await asyncio.gather(*(manager.shutdown_kernel(now=True) for manager in managers))


def below_this_process() -> set[int]:
    """Every process that descends from this one."""
    return processes.descendants(os.getpid())


def memory_of(pids: set[int]) -> int:
    """Proportional bytes of all of them."""
    return sum(map(processes.proportional_bytes, pids))


async def measure(runs: int, sessions: int, console: Console) -> None:
    """Prints the table."""
    table = Table("", "ours", "peer", "ratio", title="sandbox")
    sandbox = ProcessSandbox()
    await one_shot(sandbox, SOLVE)  # The zygote's own start is in the pool's figure.
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
    for name, ours_said, peer_said, ratio in zip(("start", "memory"), rows, peers, ratios, strict=True):
        table.add_row(f"{sessions} sessions, {name}, Jupyter kernels", ours_said, peer_said, ratio)
    console.print(table)


def main(
    runs: Annotated[int, typer.Option(min=1, help="Of each program.")] = 20,
    sessions: Annotated[int, typer.Option(min=1, help="At once, ours and the kernels'.")] = 48,
) -> None:
    """Programs a second, and the start and memory of many sessions, beside the peers'.

    Example: python -m bench sandbox --sessions 8
    """
    asyncio.run(measure(runs, sessions, Console()))
