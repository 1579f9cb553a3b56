"""A soak test of the sandbox: many cells in many sessions, one in ten hostile; nothing may drift.

After each tenth it prints the median latency of good cells, the host's file descriptors, and the memory of
the host and its descendants. Exits with 1 when the last tenth is worse than the second by more than the
limits below, or when a process is left at the end.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
from dataclasses import dataclass
from random import Random
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from aimo_solver.sandbox.base import ExecutionStatus, Session
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from bench.sandbox_rate import below_this_process, memory_of

HOSTILE_SHARE = 0.1
HOSTILE = (
    "import os\nos._exit(0)",
    "import os\nos.kill(os.getpid(), 9)",
    "import ctypes\nctypes.string_at(0)",
    "[0] * 10**10",
    "import os\nos.system('setsid sleep 98765 >/dev/null 2>&1 &')",
    "while True: print('x' * 10**5)",
    "import itertools\nsum(itertools.repeat(0))",
    "def f(): return f()\nf()",
)
GOOD_SECONDS, HOSTILE_SECONDS = 60.0, 0.3
LATENCY_DRIFT, MEMORY_DRIFT = 2.0, 1.3
"""Limits on the ratio of the last tenth to the second. Machines are noisy; a leak exceeds these over a soak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakReading:
    """The state after a tenth of the cells."""

    latency_seconds: float
    descriptors: int
    host_bytes: int
    descendant_bytes: int


async def soak(cells: int, *, sessions: int, seed: int, console: Console) -> list[SoakReading]:
    """Runs the soak and returns a reading per tenth."""
    sandbox = ProcessSandbox()
    opened = [await sandbox.open_session() for _ in range(sessions)]
    rng = Random(seed)
    readings: list[SoakReading] = []
    for _ in range(10):
        latencies: list[float] = []
        plans = [[rng.random() < HOSTILE_SHARE for _ in range(cells // 10 // sessions)] for _ in opened]
        await asyncio.gather(
            *(_use(session, plan, rng, latencies) for session, plan in zip(opened, plans, strict=True))
        )
        readings.append(
            SoakReading(
                latency_seconds=statistics.median(latencies),
                descriptors=len(os.listdir("/proc/self/fd")),
                host_bytes=memory_of({os.getpid()}),
                descendant_bytes=memory_of(below_this_process()),
            )
        )
        console.print(f"{len(readings) * 10} %  {readings[-1]}", soft_wrap=True)
    await sandbox.close()
    return readings


async def _use(session: Session, plan: list[bool], rng: Random, latencies: list[float]) -> None:
    for hostile in plan:
        if hostile:
            await session.execute(rng.choice(HOSTILE), HOSTILE_SECONDS)
        else:
            result = await session.execute("n = globals().get('n', 0) + 1\nn", GOOD_SECONDS)
            if result.status is not ExecutionStatus.STATE_LOST:
                assert result.status is ExecutionStatus.OK, result
                latencies.append(result.seconds)


def main(
    cells: Annotated[int, typer.Option(min=10, help="Cells in total.")] = 20_000,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions at once.")] = 48,
    seed: Annotated[int, typer.Option(help="Seed of the cells' order.")] = 0,
) -> None:
    """Runs many cells, one in ten hostile; exits with 1 when anything drifts or is left over.

    Example: python -m bench soak --cells 2000 --sessions 8
    """
    console = Console()
    readings = asyncio.run(soak(cells, sessions=sessions, seed=seed, console=console))
    early, late = readings[1], readings[-1]
    checks = {
        "latency": late.latency_seconds <= LATENCY_DRIFT * early.latency_seconds,
        "descriptors": late.descriptors <= early.descriptors,
        "host memory": late.host_bytes <= MEMORY_DRIFT * early.host_bytes,
        "sessions' memory": late.descendant_bytes <= MEMORY_DRIFT * early.descendant_bytes,
        "processes left": not below_this_process(),
    }
    table = Table("", "steady", title=f"soak: {cells:,} cells, {sessions} sessions")
    for name, steady in checks.items():
        table.add_row(name, "yes" if steady else "NO")
    console.print(table)
    if not all(checks.values()):
        sys.exit(1)
