"""ProcessSandbox leaves nothing behind: no process, descriptor or folder, however its cells and sessions end."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aimo_solver.errors import SandboxError
from aimo_solver.sandbox.base import ExecutionStatus, Session
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from tests.helpers.processes import is_running
from tests.helpers.sandbox_footprint import clean_sandbox, footprint
from tests.helpers.sandbox_sessions import HANG_GUARD_SECONDS, in_session, run_cell_in, run_cells

START_SLEEPERS = """
import os, subprocess
quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
plain = subprocess.Popen(["sleep", "98765"], **quiet)
own_session = subprocess.Popen(["sleep", "98765"], start_new_session=True, env={}, **quiet)
starter = "setsid sleep 98765 >/dev/null 2>&1 & echo $!"
orphan = subprocess.run(["sh", "-c", starter], stdout=subprocess.PIPE, text=True).stdout.strip()
print(os.getpid(), plain.pid, own_session.pid, orphan)
"""
"""Prints the ids of the interpreter and of three programs, each harder to find than the last."""


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessSandbox]:
    with clean_sandbox(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the scratch folders of other processes out of sight."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def ids(stdout: str) -> list[int]:
    return [int(word) for word in stdout.split()]


def test_a_session_that_runs_nothing_starts_nothing(sandbox: ProcessSandbox) -> None:
    async def scenario(session: Session) -> None:
        before = footprint()
        other = await sandbox.open_session()
        assert footprint() == before
        await other.close()

    in_session(sandbox, scenario)


def test_grandchildren_die_at_the_timeout(sandbox: ProcessSandbox) -> None:
    async def scenario(session: Session) -> None:
        for seconds in (1.0, 5.0, 25.0):  # A busy machine needs more time to start them.
            result = await session.execute(START_SLEEPERS + "while True: pass", seconds)
            assert result.status is not ExecutionStatus.OK
            if len(ids(result.stdout)) == 4:
                break
        assert result.status is ExecutionStatus.TIMEOUT
        assert len(ids(result.stdout)) == 4
        assert not any(map(is_running, ids(result.stdout)[1:]))

    in_session(sandbox, scenario)


def test_orphans_die_when_their_cell_ends(sandbox: ProcessSandbox) -> None:
    _, result = run_cells(sandbox, "1", START_SLEEPERS)
    assert result.status is ExecutionStatus.OK
    assert not any(map(is_running, ids(result.stdout)[1:]))


def test_leftovers_die_with_their_cell_and_the_session_continues(sandbox: ProcessSandbox) -> None:
    async def scenario(session: Session) -> None:
        result = await session.execute(START_SLEEPERS, HANG_GUARD_SECONDS)
        assert [is_running(pid) for pid in ids(result.stdout)] == [True, False, False, False]
        assert (await session.execute("plain.wait()\n1", HANG_GUARD_SECONDS)).stdout == "1\n"

    in_session(sandbox, scenario)


def test_leftovers_of_a_crash_die_with_it(sandbox: ProcessSandbox) -> None:
    result = run_cell_in(sandbox, START_SLEEPERS.replace(", env={}", "") + "os._exit(0)")
    assert result.status is ExecutionStatus.DIED
    assert len(ids(result.stdout)) == 4
    assert not any(map(is_running, ids(result.stdout)))


def test_closing_a_session_ends_a_running_cell_and_its_folder(sandbox: ProcessSandbox) -> None:
    code = START_SLEEPERS + "while True: pass"

    async def scenario(session: Session) -> None:
        cell = asyncio.ensure_future(session.execute(code, HANG_GUARD_SECONDS))
        scratch = Path(tempfile.gettempdir())
        while not (found := [*scratch.glob("aimo-sandbox-*")]):
            await asyncio.sleep(0.01)
        await session.close()
        with pytest.raises(SandboxError, match="closed"):
            await cell
        assert not found[0].exists()

    in_session(sandbox, scenario)


def test_cancelling_a_cell_ends_its_processes(sandbox: ProcessSandbox) -> None:
    async def scenario(session: Session) -> None:
        note_ids = """
open("ids~", "w").write(f"{os.getpid()} {plain.pid} {own_session.pid} {orphan}")
os.rename("ids~", "ids")
while True: pass"""
        cell = asyncio.ensure_future(session.execute(START_SLEEPERS + note_ids, HANG_GUARD_SECONDS))
        while not (noted := [*Path(tempfile.gettempdir()).glob("aimo-sandbox-*/ids")]):
            await asyncio.sleep(0.01)
        started = ids(noted[0].read_text())
        cell.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cell
        assert not any(map(is_running, started))
        result = await session.execute("1", HANG_GUARD_SECONDS)
        assert result.status is ExecutionStatus.STATE_LOST

    in_session(sandbox, scenario)


def test_cancelling_at_every_moment_of_a_first_cell_leaves_nothing(sandbox: ProcessSandbox) -> None:
    async def scenario(session: Session) -> None:
        for steps in range(6):
            other = await sandbox.open_session()
            cell = asyncio.ensure_future(other.execute("1", HANG_GUARD_SECONDS))
            for _ in range(steps):
                await asyncio.sleep(0.0)
            cell.cancel()
            await asyncio.gather(cell, return_exceptions=True)
            await other.close()

    in_session(sandbox, scenario)


def test_a_session_lives_through_400_cells_without_losing_descriptors(
    sandbox: ProcessSandbox,
) -> None:
    async def scenario(session: Session) -> None:
        count = "import os\nlen(os.listdir('/proc/self/fd'))"
        first = await session.execute(count, HANG_GUARD_SECONDS)
        host = footprint()
        for _ in range(400):
            await session.execute("1", HANG_GUARD_SECONDS)
        assert (await session.execute(count, HANG_GUARD_SECONDS)).stdout == first.stdout
        assert footprint() == host

    in_session(sandbox, scenario)


def test_a_folder_without_permissions_is_removed_and_its_links_are_not_followed(
    sandbox: ProcessSandbox, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(0o755)
    code = f"import os\nos.makedirs('a/b')\nos.symlink({str(outside)!r}, 'a/c')\nos.chmod('a', 0)"
    assert run_cell_in(sandbox, code).status is ExecutionStatus.OK
    assert outside.stat().st_mode & 0o777 == 0o755


def test_a_close_that_was_cancelled_still_leaves_nothing_when_the_sandbox_closes(sandbox: ProcessSandbox) -> None:
    async def scenario() -> list[dict[str, object]]:
        faults: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
        sessions = [await sandbox.open_session() for _ in range(4)]
        await asyncio.gather(*(session.execute("x = 1", HANG_GUARD_SECONDS) for session in sessions))
        closing = [asyncio.ensure_future(session.close()) for session in sessions]
        await asyncio.sleep(0)
        for task in closing:
            task.cancel()
        await sandbox.close()
        assert not sandbox.interpreters
        gc.collect()
        return faults

    assert asyncio.run(scenario()) == []
    assert not [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("aimo-sandbox-")]


def test_kill_9_of_the_host_leaves_no_interpreter(tmp_path: Path) -> None:
    host_code = f"""
import asyncio
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
async def main():
    session = await ProcessSandbox(preload=()).open_session()
    print((await session.execute("import os; os.getpid()", {HANG_GUARD_SECONDS})).stdout, flush=True)
    await session.execute("import itertools; sum(itertools.repeat(0))", {HANG_GUARD_SECONDS})
asyncio.run(main())
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", host_code], stdout=subprocess.PIPE, text=True, env=environment, cwd=root
    ) as host:
        assert host.stdout is not None
        interpreter = int(host.stdout.readline())
        assert is_running(interpreter)
        host.kill()
    give_up_at = time.monotonic() + HANG_GUARD_SECONDS
    while is_running(interpreter):
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
