"""ProcessSandbox: the contract, what its cells get, and what becomes of their variables."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aimo_solver.errors import SandboxError
from aimo_solver.sandbox.base import ExecutionStatus, Session
from aimo_solver.sandbox.inside.cell import run_cell
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from tests.helpers.processes import is_running
from tests.helpers.sandbox_contract import SandboxContract
from tests.helpers.sandbox_footprint import clean_sandbox
from tests.helpers.sandbox_sessions import HANG_GUARD_SECONDS, in_session, run_cell_in, run_cells


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessSandbox]:
    with clean_sandbox(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the scratch folders of other processes out of sight."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


class TestProcessSandbox(SandboxContract):
    """After each test the fixture asserts that no descriptor, folder or child is left."""


def test_variables_survive_an_interrupt_at_the_timeout() -> None:
    sandbox = ProcessSandbox(grace_seconds=HANG_GUARD_SECONDS, preload=())

    async def scenario(session: Session) -> None:
        await session.execute("x = 5", HANG_GUARD_SECONDS)
        result = await session.execute("import time\nprint('a')\ntime.sleep(1e9)", 1.0)
        assert (result.status, result.stdout) == (ExecutionStatus.TIMEOUT, "a\n")
        assert "kept" in result.error
        assert (await session.execute("x", HANG_GUARD_SECONDS)).stdout == "5\n"

    in_session(sandbox, scenario)
    asyncio.run(sandbox.close())


def test_a_cell_waits_for_a_slot_and_its_clock_does_not() -> None:
    sandbox = ProcessSandbox(concurrent_cells=1, preload=())

    async def scenario(session: Session) -> None:
        other = await sandbox.open_session()
        first = asyncio.ensure_future(session.execute("while True: pass", 0.5))
        await asyncio.sleep(0)
        second = await other.execute("1", HANG_GUARD_SECONDS)
        assert (await first).status is ExecutionStatus.TIMEOUT
        assert second.status is ExecutionStatus.OK
        assert second.queue_seconds >= 0.5
        assert (await first).queue_seconds < second.queue_seconds

    in_session(sandbox, scenario)
    asyncio.run(sandbox.close())


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


def test_preloaded_modules_are_imported_and_missing_ones_skipped() -> None:
    sandbox = ProcessSandbox(preload=("fractions", "nosuchmodule"))
    code = "import sys\nprint('fractions' in sys.modules)\nimport nosuchmodule"
    result = run_cell_in(sandbox, code)
    assert (result.status, result.stdout) == (ExecutionStatus.ERROR, "True\n")
    asyncio.run(sandbox.close())


def test_numpy_and_sympy_work_in_forks_with_repeatable_results() -> None:
    sandbox = ProcessSandbox()
    code = "import numpy, sympy\nx = sympy.Symbol('x')\nprint(sympy.solve(x**2 - 4, x), numpy.random.rand())"
    first, second = (run_cell_in(sandbox, code) for _ in range(2))
    assert first.stdout.startswith("[-2, 2] ")
    assert first.stdout == second.stdout
    asyncio.run(sandbox.close())


def test_a_process_killed_between_cells_is_reported(sandbox: ProcessSandbox) -> None:
    async def scenario(session: Session) -> None:
        result = await session.execute("import os\nos.getpid()", HANG_GUARD_SECONDS)
        os.kill(int(result.stdout), signal.SIGKILL)
        while is_running(int(result.stdout)):
            await asyncio.sleep(0.001)
        result = await session.execute("1", HANG_GUARD_SECONDS)
        assert result.status is ExecutionStatus.STATE_LOST
        assert (await session.execute("1", HANG_GUARD_SECONDS)).stdout == "1\n"

    in_session(sandbox, scenario)


def test_a_cell_that_kills_its_snapshot_loses_its_own_variables_only(sandbox: ProcessSandbox) -> None:
    kill = """
import os, signal
for pid in open(f"/proc/self/task/{os.getpid()}/children").read().split(): os.kill(int(pid), 9)
os._exit(0)
"""
    _, died, result, after = run_cells(sandbox, "x = 5", kill, "print('ran')", "'x' in globals()")
    assert died.status is ExecutionStatus.DIED
    assert (result.status, result.stdout) == (ExecutionStatus.STATE_LOST, "")
    assert result.error
    assert (after.status, after.stdout) == (ExecutionStatus.OK, "False\n")


def test_killing_the_parent_does_not_end_the_sandbox(sandbox: ProcessSandbox) -> None:
    died, after = run_cells(sandbox, "import os\nos.kill(os.getppid(), 9)\nwhile True: pass", "1")
    assert died.status in (ExecutionStatus.DIED, ExecutionStatus.ERROR)  # Landlock forbids it.
    assert after.stdout == "1\n"


def test_forks_count_together_against_the_memory_limit(sandbox: ProcessSandbox) -> None:
    code = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        block = b"x" * (100 * 2**20)  # Less than the limit of one process.
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


def test_a_scratch_folder_that_cannot_be_made_is_reported(
    sandbox: ProcessSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(tempfile, "tempdir", "/nonexistent")
        with pytest.raises(SandboxError, match="scratch folder"):
            run_cell_in(sandbox, "1")
    assert run_cell_in(sandbox, "1").stdout == "1\n"


def test_the_cause_of_a_death_is_reported(sandbox: ProcessSandbox) -> None:
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
        "[][1]",
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
def test_a_python_that_does_not_start_is_a_failure_of_the_sandbox(
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
        ProcessSandbox(**{name: value})  # pyright: ignore[reportArgumentType]  # wrong on purpose
