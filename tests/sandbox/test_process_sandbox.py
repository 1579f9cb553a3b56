"""ProcessSandbox: the contract, and that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aimo_solver.errors import SandboxError
from aimo_solver.sandbox.base import ExecutionStatus, Session
from aimo_solver.sandbox.inside.cell import run_cell
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from tests.helpers.sandbox_contract import (
    HANG_GUARD_SECONDS,
    SandboxContract,
    in_session,
    is_running,
    run_cell_in,
    run_cells,
)
from tests.helpers.sandbox_footprint import clean_sandbox, footprint

START_SLEEPERS = """
import os, subprocess
quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
plain = subprocess.Popen(["sleep", "98765"], **quiet)
own_session = subprocess.Popen(["sleep", "98765"], start_new_session=True, env={}, **quiet)
starter = "setsid sleep 98765 >/dev/null 2>&1 & echo $!"
orphan = subprocess.run(["sh", "-c", starter], stdout=subprocess.PIPE, text=True).stdout.strip()
print(os.getpid(), plain.pid, own_session.pid, orphan)
"""
"""Prints the interpreter's id and those of three programs: each harder to find."""


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessSandbox]:
    with clean_sandbox(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other runs on this machine have scratch folders too."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def ids(stdout: str) -> list[int]:
    return [int(word) for word in stdout.split()]


class TestProcessSandbox(SandboxContract):
    """Every session here is checked by the fixture: no descriptor, folder or child is left."""


def test_a_session_that_runs_nothing_starts_nothing(sandbox: ProcessSandbox) -> None:
    async def story(session: Session) -> None:
        before = footprint()
        other = await sandbox.open_session()
        assert footprint() == before
        await other.close()

    in_session(sandbox, story)


def test_variables_survive_a_polite_timeout() -> None:
    sandbox = ProcessSandbox(grace_seconds=HANG_GUARD_SECONDS, preload=())

    async def story(session: Session) -> None:
        await session.execute("x = 5", HANG_GUARD_SECONDS)
        result = await session.execute("import time\nprint('a')\ntime.sleep(1e9)", 1.0)
        assert (result.status, result.stdout) == (ExecutionStatus.TIMEOUT, "a\n")
        assert "kept" in result.error
        assert (await session.execute("x", HANG_GUARD_SECONDS)).stdout == "5\n"

    in_session(sandbox, story)
    asyncio.run(sandbox.close())


def test_imagination_grandchildren_outlive_timeout(sandbox: ProcessSandbox) -> None:
    async def story(session: Session) -> None:
        for seconds in (1.0, 5.0, 25.0):  # A busy machine gets more time to start them.
            result = await session.execute(START_SLEEPERS + "while True: pass", seconds)
            assert result.status is not ExecutionStatus.OK
            if len(ids(result.stdout)) == 4:
                break
        assert result.status is ExecutionStatus.TIMEOUT
        assert len(ids(result.stdout)) == 4
        assert not any(map(is_running, ids(result.stdout)[1:]))

    in_session(sandbox, story)


def test_nemo_skills_leaves_an_orphan_running(sandbox: ProcessSandbox) -> None:
    _, result = run_cells(sandbox, "1", START_SLEEPERS)
    assert result.status is ExecutionStatus.OK
    assert not any(map(is_running, ids(result.stdout)[1:]))


def test_leftovers_die_with_their_cell_and_the_session_goes_on(sandbox: ProcessSandbox) -> None:
    async def story(session: Session) -> None:
        result = await session.execute(START_SLEEPERS, HANG_GUARD_SECONDS)
        assert [is_running(pid) for pid in ids(result.stdout)] == [True, False, False, False]
        assert (await session.execute("plain.wait()\n1", HANG_GUARD_SECONDS)).stdout == "1\n"

    in_session(sandbox, story)


def test_leftovers_of_a_crash_die_with_it(sandbox: ProcessSandbox) -> None:
    result = run_cell_in(sandbox, START_SLEEPERS.replace(", env={}", "") + "os._exit(0)")
    assert result.status is ExecutionStatus.DIED
    assert len(ids(result.stdout)) == 4
    assert not any(map(is_running, ids(result.stdout)))


def test_aimo3_kernel_subprocesses_survive_a_reset(sandbox: ProcessSandbox) -> None:
    code = START_SLEEPERS + "while True: pass"

    async def story(session: Session) -> None:
        cell = asyncio.ensure_future(session.execute(code, HANG_GUARD_SECONDS))
        scratch = Path(tempfile.gettempdir())
        while not (found := [*scratch.glob("aimo-sandbox-*")]):
            await asyncio.sleep(0.01)
        await session.close()
        with pytest.raises(SandboxError, match="closed"):
            await cell
        assert not found[0].exists()

    in_session(sandbox, story)


def test_cancelling_a_cell_ends_its_processes(sandbox: ProcessSandbox) -> None:
    async def story(session: Session) -> None:
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
        told = await session.execute("1", HANG_GUARD_SECONDS)
        assert told.status is ExecutionStatus.STATE_LOST

    in_session(sandbox, story)


def test_cancelling_at_every_moment_of_a_first_cell_leaves_nothing(sandbox: ProcessSandbox) -> None:
    async def story(session: Session) -> None:
        for steps in range(6):
            other = await sandbox.open_session()
            cell = asyncio.ensure_future(other.execute("1", HANG_GUARD_SECONDS))
            for _ in range(steps):
                await asyncio.sleep(0.0)
            cell.cancel()
            await asyncio.gather(cell, return_exceptions=True)
            await other.close()

    in_session(sandbox, story)


def test_a_cell_waits_for_a_slot_and_its_clock_does_not() -> None:
    sandbox = ProcessSandbox(concurrent_cells=1, preload=())

    async def story(session: Session) -> None:
        other = await sandbox.open_session()
        first = asyncio.ensure_future(session.execute("while True: pass", 0.5))
        await asyncio.sleep(0)
        second = await other.execute("1", HANG_GUARD_SECONDS)
        assert (await first).status is ExecutionStatus.TIMEOUT
        assert second.status is ExecutionStatus.OK
        assert second.queue_seconds >= 0.5
        assert (await first).queue_seconds < second.queue_seconds

    in_session(sandbox, story)
    asyncio.run(sandbox.close())


def test_a_session_lives_through_400_cells_without_losing_descriptors(
    sandbox: ProcessSandbox,
) -> None:
    async def story(session: Session) -> None:
        count = "import os\nlen(os.listdir('/proc/self/fd'))"
        first = await session.execute(count, HANG_GUARD_SECONDS)
        host = footprint()
        for _ in range(400):
            await session.execute("1", HANG_GUARD_SECONDS)
        assert (await session.execute(count, HANG_GUARD_SECONDS)).stdout == first.stdout
        assert footprint() == host

    in_session(sandbox, story)


def test_the_parents_secrets_stay_with_it(sandbox: ProcessSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_KEY", "a-secret")
    assert "a-secret" not in run_cell_in(sandbox, "import os\nprint(dict(os.environ))").stdout


def test_the_cell_sits_in_an_empty_folder_of_its_own(sandbox: ProcessSandbox) -> None:
    code = "import os\nprint(os.listdir())\nopen('note', 'w').write('a')\nprint(os.getcwd())"
    listing, folder = run_cell_in(sandbox, code).stdout.splitlines()[:2]
    assert listing == "[]"
    assert folder.startswith(tempfile.gettempdir())
    asyncio.run(sandbox.close())
    assert not Path(folder).exists()


def test_a_folder_without_permissions_is_removed_and_its_links_are_not_followed(
    sandbox: ProcessSandbox, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(0o755)
    code = f"import os\nos.makedirs('a/b')\nos.symlink({str(outside)!r}, 'a/c')\nos.chmod('a', 0)"
    assert run_cell_in(sandbox, code).status is ExecutionStatus.OK
    assert outside.stat().st_mode & 0o777 == 0o755


def test_preloaded_modules_are_there_and_missing_ones_are_no_failure() -> None:
    sandbox = ProcessSandbox(preload=("fractions", "nosuchmodule"))
    code = "import sys\nprint('fractions' in sys.modules)\nimport nosuchmodule"
    result = run_cell_in(sandbox, code)
    assert (result.status, result.stdout) == (ExecutionStatus.ERROR, "True\n")
    asyncio.run(sandbox.close())


def test_numpy_and_sympy_work_in_forks_and_repeat() -> None:
    sandbox = ProcessSandbox()
    code = "import numpy, sympy\nx = sympy.Symbol('x')\nprint(sympy.solve(x**2 - 4, x), numpy.random.rand())"
    first, second = (run_cell_in(sandbox, code) for _ in range(2))
    assert first.stdout.startswith("[-2, 2] ")
    assert first.stdout == second.stdout
    asyncio.run(sandbox.close())


def test_a_process_killed_between_cells_is_told(sandbox: ProcessSandbox) -> None:
    async def story(session: Session) -> None:
        result = await session.execute("import os\nos.getpid()", HANG_GUARD_SECONDS)
        os.kill(int(result.stdout), signal.SIGKILL)
        while is_running(int(result.stdout)):
            await asyncio.sleep(0.001)
        told = await session.execute("1", HANG_GUARD_SECONDS)
        assert told.status is ExecutionStatus.STATE_LOST
        assert (await session.execute("1", HANG_GUARD_SECONDS)).stdout == "1\n"

    in_session(sandbox, story)


def test_a_cell_that_kills_its_snapshot_loses_its_own_variables_only(sandbox: ProcessSandbox) -> None:
    kill = """
import os, signal
for pid in open(f"/proc/self/task/{os.getpid()}/children").read().split(): os.kill(int(pid), 9)
os._exit(0)
"""
    _, died, told, after = run_cells(sandbox, "x = 5", kill, "print('ran')", "'x' in globals()")
    assert died.status is ExecutionStatus.DIED
    assert (told.status, told.stdout) == (ExecutionStatus.STATE_LOST, "")
    assert told.error
    assert (after.status, after.stdout) == (ExecutionStatus.OK, "False\n")


def test_numina_harness_is_killed_by_its_code(sandbox: ProcessSandbox) -> None:
    died, after = run_cells(sandbox, "import os\nos.kill(os.getppid(), 9)\nwhile True: pass", "1")
    assert died.status in (ExecutionStatus.DIED, ExecutionStatus.ERROR)  # With Landlock it is not allowed.
    assert after.stdout == "1\n"


def test_forks_count_together_against_the_memory_limit(sandbox: ProcessSandbox) -> None:
    code = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        block = b"x" * (100 * 2**20)  # Under the limit of one process.
        break
time.sleep(1e9)
"""
    _, result, after = run_cells(sandbox, "x = 5", code, "x")
    assert result.status is ExecutionStatus.MEMORY_LIMIT
    assert after.stdout == "5\n"


def test_cpu_seconds_are_the_cells_own(sandbox: ProcessSandbox) -> None:
    busy = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    first, idle, died = run_cells(sandbox, busy, "1", busy + "\nimport os\nos._exit(0)")
    assert first.cpu_seconds is not None
    assert idle.cpu_seconds is not None
    assert died.cpu_seconds is not None
    assert first.cpu_seconds > 0.2
    assert died.cpu_seconds > 0.2


def test_10_MB_of_code_are_an_error(sandbox: ProcessSandbox) -> None:
    result, after = run_cells(sandbox, "x" * 10**7, "1")
    assert result.status is ExecutionStatus.ERROR
    assert "10,000,000 characters" in result.error
    assert after.stdout == "1\n"


def test_a_scratch_folder_that_cannot_be_made_is_told(sandbox: ProcessSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(tempfile, "tempdir", "/nonexistent")
        with pytest.raises(SandboxError, match="scratch folder"):
            run_cell_in(sandbox, "1")
    assert run_cell_in(sandbox, "1").stdout == "1\n"


def test_a_close_that_was_cancelled_still_leaves_nothing_when_the_sandbox_closes(sandbox: ProcessSandbox) -> None:
    async def story() -> list[dict[str, object]]:
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

    assert asyncio.run(story()) == []
    assert not [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("aimo-sandbox-")]


def test_the_reason_of_a_death_is_said(sandbox: ProcessSandbox) -> None:
    assert "exit code 3" in run_cell_in(sandbox, "import os\nos._exit(3)").error
    assert "signal SIGSEGV" in run_cell_in(sandbox, "import ctypes\nctypes.string_at(0)").error


def test_a_death_is_noticed_though_a_fork_holds_the_channel_open(sandbox: ProcessSandbox) -> None:
    code = "import os, time\nif os.fork() == 0:\n    time.sleep(1e9)\nos._exit(7)"
    result = run_cell_in(sandbox, code)
    assert result.status is ExecutionStatus.DIED
    assert "exit code 7" in result.error


def test_texts_are_those_of_run_cell_in_this_process(sandbox: ProcessSandbox) -> None:
    cells = [
        "1 + 1",
        "print('a')\n1 / 0",
        "x = (",
        "def f(): return f()\nf()",
        "import nosuchmodule",
        "raise ValueError('x' * 10**5)",
        "print('é')\n'é'",
        "if __name__ == '__main__': print(1)",
    ]
    namespace: dict[str, object] = {"__name__": "__main__"}
    for cell, result in zip(cells, run_cells(sandbox, *cells), strict=True):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            outcome = run_cell(cell, namespace)
        expected = (outcome.status, printed.getvalue(), outcome.error)
        assert (result.status.value, result.stdout, result.error) == expected


@pytest.mark.parametrize("executable", ["/nonexistent/python", "/bin/false"])
def test_a_python_that_does_not_start_is_the_sandboxes_failure(
    executable: str, sandbox: ProcessSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(SandboxError, match="start"):
        run_cell_in(sandbox, "1")


@pytest.mark.parametrize(
    ("name", "value"),
    [("memory_bytes", 1), ("output_chars", 0), ("concurrent_cells", 0), ("grace_seconds", -1.0)],
)
def test_settings_are_checked(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be .*, got {value}"):
        ProcessSandbox(**{name: value})  # pyright: ignore[reportArgumentType]


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
