"""What a prompt promises of memory and time is what a cell gets, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from aimo_solver.config.settings import Preset
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from tests.helpers.sandbox_sessions import run_cells

MEMORY_BYTES = 256 * 2**20
HOLD = "import time\nblock = None\nblock = b'x' * {bytes}\ntime.sleep(0.6)\nlen(block)"
"""Longer than the watch's quarter of a second; its pages are touched."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ProcessSandbox]:
    made = ProcessSandbox(memory_bytes=MEMORY_BYTES)
    yield made
    asyncio.run(made.close())


def test_a_session_has_the_memory_of_the_preset() -> None:
    memory_bytes = Preset().sandbox_memory_bytes
    sandbox = ProcessSandbox(memory_bytes=memory_bytes)
    most, more = run_cells(
        sandbox, f"len(bytearray({memory_bytes * 98 // 100}))", f"len(bytearray({memory_bytes * 102 // 100}))"
    )
    asyncio.run(sandbox.close())
    assert (most.status, most.error) == (ExecutionStatus.OK, "")
    assert more.status is ExecutionStatus.MEMORY_LIMIT


def test_a_cell_may_hold_all_the_memory_it_was_promised(sandbox: ProcessSandbox) -> None:
    (result,) = run_cells(sandbox, HOLD.format(bytes=MEMORY_BYTES * 95 // 100))
    assert (result.status, result.error) == (ExecutionStatus.OK, "")


def test_variables_that_a_cell_replaces_do_not_count_although_a_snapshot_keeps_them(sandbox: ProcessSandbox) -> None:
    hold = HOLD.format(bytes=MEMORY_BYTES * 90 // 100)
    assert [result.error for result in run_cells(sandbox, hold, hold, hold)] == ["", "", ""]


def test_a_cell_has_the_time_it_was_promised_and_no_more(sandbox: ProcessSandbox) -> None:
    within, beyond = run_cells(
        sandbox, "import time\ntime.sleep(0.7)\n'done'", "time.sleep(1.3)\n'done'", timeout_seconds=1.0
    )
    assert (within.status, within.stdout) == (ExecutionStatus.OK, "'done'\n")
    assert (beyond.status, beyond.stdout) == (ExecutionStatus.TIMEOUT, "")
