"""Runs every hostile program in the sandbox, as a first cell and inside a session, and prints a table.

Attacks are skipped if Landlock or seccomp is off, as only these can stop them.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator

import pytest

from aimo_solver.sandbox.base import ExecutionResult, ExecutionStatus
from aimo_solver.sandbox.inside.layers import ON, probe
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from tests.helpers.hostile_programs import ATTACKS, PROGRAMS, TIME
from tests.helpers.sandbox_footprint import abandoned_shared_memory, footprint

LOCKED = all(probe(tempfile.gettempdir())[name] == ON for name in ("landlock", "seccomp"))
MIN_PROGRAMS = 70
TIMEOUT_SECONDS = 60.0
"""A hang guard for programs that end by themselves."""
SHORT_SECONDS = 0.3

rows: list[str] = []


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ProcessSandbox]:
    before, shared_before = footprint(), abandoned_shared_memory()
    sandbox = ProcessSandbox(memory_bytes=512 * 2**20, preload=())
    yield sandbox
    asyncio.run(sandbox.close())
    assert footprint() == before
    assert abandoned_shared_memory() <= shared_before
    print("\n" + "\n".join(rows))


@pytest.fixture(autouse=True, scope="module")
def own_temporary_folder() -> Iterator[None]:
    """Replaces pytest's temporary folder, which other users cannot enter."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        os.chmod(folder, 0o711)
        patch.setattr(tempfile, "tempdir", folder)
        yield


async def run_cells(sandbox: ProcessSandbox, *cells: tuple[str, float]) -> list[ExecutionResult]:
    session = await sandbox.open_session()
    try:
        async with asyncio.timeout(300):
            return [await session.execute(code, seconds) for code, seconds in cells]
    finally:
        await session.close()


def test_the_suite_has_at_least_its_stated_size() -> None:
    assert len(PROGRAMS) >= MIN_PROGRAMS


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_hostile_program_costs_one_cell(sandbox: ProcessSandbox, name: str) -> None:
    if name in ATTACKS and not LOCKED:
        pytest.skip("Landlock or seccomp is off on this machine")
    program = PROGRAMS[name]
    seconds = SHORT_SECONDS if name in TIME else TIMEOUT_SECONDS
    if name in ("fork_bomb", "real_time_signal", "recursion_in_c"):
        seconds = 1.0
    alone, _ = asyncio.run(run_cells(sandbox, (program.code, seconds), ("1", TIMEOUT_SECONDS)))
    check(name, alone)
    _, inside, after, last = asyncio.run(
        run_cells(sandbox, ("kept = 5", TIMEOUT_SECONDS), (program.code, seconds), *[("kept", TIMEOUT_SECONDS)] * 2)
    )
    check(name, inside)
    if program.loses_state and after.status is ExecutionStatus.STATE_LOST:
        assert last.status is ExecutionStatus.ERROR  # It runs, in an empty namespace.
    else:
        assert (after.status, after.stdout) == (ExecutionStatus.OK, "5\n")
    rows.append(f"{name:30} {alone.status:14} {inside.status:14} {inside.seconds:6.2f} s  {after.status}")


def check(name: str, result: ExecutionResult) -> None:
    program = PROGRAMS[name]
    assert result.status in program.ends, (result.status, result.error, result.stdout[:500])
    assert program.says in result.error + result.stdout
    assert len(result.error) <= 2100
    assert "aimo_solver" not in result.error
