"""What the layers deny to a cell; each test runs if its layer holds on this machine."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aimo_solver.sandbox.base import ExecutionResult, ExecutionStatus
from aimo_solver.sandbox.inside.layers import LAYERS, ON, probe
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from tests.helpers.sandbox_sessions import run_cell_in, run_cells

STATES = probe(tempfile.gettempdir())
needs_landlock = pytest.mark.skipif(STATES["landlock"] != ON, reason=STATES["landlock"])
needs_seccomp = pytest.mark.skipif(STATES["seccomp"] != ON, reason=STATES["seccomp"])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ProcessSandbox]:
    sandbox = ProcessSandbox(preload=())
    yield sandbox
    asyncio.run(sandbox.close())


def assert_denied(result: ExecutionResult) -> None:
    assert result.status is ExecutionStatus.ERROR
    assert "PermissionError" in result.error


def test_every_layer_is_on_or_says_why_not() -> None:
    assert tuple(STATES) == LAYERS
    assert all(state == ON or state.startswith("off: ") for state in STATES.values())


def test_the_sandbox_reports_the_layers_of_its_cells(sandbox: ProcessSandbox) -> None:
    assert asyncio.run(sandbox.layers()) == STATES


@needs_landlock
def test_code_cannot_read_the_answers(sandbox: ProcessSandbox, tmp_path: Path) -> None:
    answers = tmp_path / "answers.csv"
    answers.write_text("id,answer\n1,42\n")
    assert_denied(run_cell_in(sandbox, f"open({str(answers)!r}).read()"))


@needs_landlock
def test_code_cannot_read_the_parents_secrets(sandbox: ProcessSandbox) -> None:
    assert_denied(run_cell_in(sandbox, f"open('/proc/{os.getpid()}/environ').read()"))


@needs_landlock
@pytest.mark.parametrize("code", ["open({!r}, 'w')", "import os\nos.remove({!r})", "import os\nos.truncate({!r}, 0)"])
def test_code_cannot_change_files(sandbox: ProcessSandbox, tmp_path: Path, code: str) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    assert_denied(run_cell_in(sandbox, code.format(str(file))))
    assert file.read_text() == "kept"


@needs_landlock
@pytest.mark.parametrize("whom", ["os.getppid()", str(os.getpid())])
def test_no_signal_reaches_processes_outside(sandbox: ProcessSandbox, whom: str) -> None:
    assert_denied(run_cell_in(sandbox, f"import os\nos.kill({whom}, 0)"))


@needs_landlock
def test_a_session_cannot_read_anothers_scratch(sandbox: ProcessSandbox) -> None:
    async def scenario() -> ExecutionResult:
        first, second = await sandbox.open_session(), await sandbox.open_session()
        folder = (await first.execute("import os\nopen('a', 'w').write('1')\nprint(os.getcwd())", 30.0)).stdout
        result = await second.execute(f"open({folder.split()[0] + '/a'!r}).read()", 30.0)
        await first.close()
        await second.close()
        return result

    assert_denied(asyncio.run(scenario()))


@needs_seccomp
def test_code_cannot_reach_the_engines_port(sandbox: ProcessSandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert_denied(run_cell_in(sandbox, f"import socket\nsocket.create_connection(('127.0.0.1', {port}))"))


@needs_seccomp
@pytest.mark.parametrize(
    "call", ["ptrace(16, {pid}, 0, 0)", "unshare(0x10000000)", "process_vm_readv({pid}, 0, 0, 0, 0, 0)"]
)
def test_privileged_system_calls_fail(sandbox: ProcessSandbox, call: str) -> None:
    call = call.format(pid=os.getpid())
    code = f"import ctypes\nprint(ctypes.CDLL(None, use_errno=True).{call}, ctypes.get_errno())"
    assert run_cell_in(sandbox, code).stdout == "-1 1\n"


def test_programs_that_a_cell_starts_are_locked_too(sandbox: ProcessSandbox, tmp_path: Path) -> None:
    if STATES["landlock"] != ON:
        pytest.skip(STATES["landlock"])
    run_cell_in(sandbox, f"import os\nos.system('touch {tmp_path}/made')")
    assert not (tmp_path / "made").exists()


def test_after_a_roll_back_the_locks_hold(sandbox: ProcessSandbox, tmp_path: Path) -> None:
    if STATES["landlock"] != ON:
        pytest.skip(STATES["landlock"])
    results = run_cells(sandbox, "x = 5", "import os\nos._exit(0)", f"print(x)\nopen({str(tmp_path / 'a')!r}, 'w')")
    assert results[2].stdout == "5\n"
    assert_denied(results[2])
