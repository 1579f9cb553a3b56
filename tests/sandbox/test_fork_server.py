"""The fork server: sessions begin even if its zygote, its prepared session or its scratch folder is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aimo_solver.errors import SandboxError
from aimo_solver.sandbox import processes
from aimo_solver.sandbox.base import ExecutionStatus, Session
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from tests.helpers.sandbox_footprint import clean_sandbox
from tests.helpers.sandbox_sessions import HANG_GUARD_SECONDS, in_session, run_cell_in


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessSandbox]:
    with clean_sandbox(tmp_path, monkeypatch) as made:
        yield made


def zygote_of(sandbox: ProcessSandbox) -> int:
    """Returns the id of this sandbox's own zygote, whatever else runs beside it."""
    pid = sandbox.fork_server.zygote_pid
    assert pid in processes.children(os.getpid())
    return pid


def test_a_zygote_that_was_killed_is_replaced(sandbox: ProcessSandbox) -> None:
    async def scenario(session: Session) -> None:
        await session.execute("x = 5", HANG_GUARD_SECONDS)
        os.kill(zygote_of(sandbox), signal.SIGKILL)
        other = await sandbox.open_session()
        assert (await other.execute("1", HANG_GUARD_SECONDS)).stdout == "1\n"
        while (result := await session.execute("x", HANG_GUARD_SECONDS)).status is ExecutionStatus.OK:
            await asyncio.sleep(0.01)  # The old keeper's death takes a moment.
        assert result.status in (ExecutionStatus.STATE_LOST, ExecutionStatus.DIED)
        await other.close()

    in_session(sandbox, scenario)


def test_a_zygote_that_dies_after_a_first_request_is_replaced(
    sandbox: ProcessSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed zygote still accepts a message for a moment, then its socket is broken: two failures in a row."""
    send, failures = socket.send_fds, iter([lambda: None, partial(_raise, BrokenPipeError())])

    def dying(*arguments: Any) -> int:
        fail = next(failures, None)
        return send(*arguments) if fail is None else fail() or 0

    assert run_cell_in(sandbox, "1").stdout == "1\n"
    monkeypatch.setattr(socket, "send_fds", dying)
    assert run_cell_in(sandbox, "2").stdout == "2\n"


def _raise(error: Exception) -> None:
    raise error


def test_a_prepared_session_that_was_killed_is_replaced(sandbox: ProcessSandbox) -> None:
    assert run_cell_in(sandbox, "1").stdout == "1\n"  # Afterwards the next one is prepared.
    for pid in processes.descendants(zygote_of(sandbox)):
        os.kill(pid, signal.SIGKILL)
    assert run_cell_in(sandbox, "2").stdout == "2\n"


def test_a_prepared_scratch_folder_that_was_removed_is_replaced(sandbox: ProcessSandbox) -> None:
    assert run_cell_in(sandbox, "1").stdout == "1\n"
    for folder in Path(tempfile.gettempdir()).glob("aimo-sandbox-*"):
        processes.remove(folder)
    assert run_cell_in(sandbox, "open('a', 'w').write('a')").stdout == "1\n"


def test_waiting_for_the_layers_of_a_sandbox_that_closes_ends_with_its_error(sandbox: ProcessSandbox) -> None:
    """The waiting task must not be left with a closed descriptor, on which it would wait forever."""

    async def scenario() -> None:
        waiting = asyncio.ensure_future(sandbox.layers())
        await asyncio.sleep(0)
        await sandbox.close()
        with pytest.raises(SandboxError):
            await asyncio.wait_for(waiting, HANG_GUARD_SECONDS)

    asyncio.run(scenario())
