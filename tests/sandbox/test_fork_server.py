"""The fork server: its zygote dies, its next session dies, its folder goes; sessions begin all the same."""

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
from tests.helpers.sandbox_contract import (
    HANG_GUARD_SECONDS,
    in_session,
    run_cell_in,
)
from tests.helpers.sandbox_footprint import clean_sandbox, footprint


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessSandbox]:
    with clean_sandbox(tmp_path, monkeypatch) as made:
        yield made


def test_a_zygote_that_was_killed_is_replaced(sandbox: ProcessSandbox) -> None:
    async def story(session: Session) -> None:
        await session.execute("x = 5", HANG_GUARD_SECONDS)
        (zygote,) = footprint()[2]
        os.kill(int(zygote), signal.SIGKILL)
        other = await sandbox.open_session()
        assert (await other.execute("1", HANG_GUARD_SECONDS)).stdout == "1\n"
        while (told := await session.execute("x", HANG_GUARD_SECONDS)).status is ExecutionStatus.OK:
            await asyncio.sleep(0.01)  # The old keeper's death takes a moment.
        assert told.status in (ExecutionStatus.STATE_LOST, ExecutionStatus.DIED)
        await other.close()

    in_session(sandbox, story)


def test_a_zygote_that_took_a_question_and_broke_at_the_next_is_replaced(
    sandbox: ProcessSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed zygote takes a message for a moment more, then its pipe is broken: two failures in a row."""
    send, failures = socket.send_fds, iter([lambda: None, partial(_raise, BrokenPipeError())])

    def dying(*arguments: Any) -> int:
        fail = next(failures, None)
        return send(*arguments) if fail is None else fail() or 0

    assert run_cell_in(sandbox, "1").stdout == "1\n"
    monkeypatch.setattr(socket, "send_fds", dying)
    assert run_cell_in(sandbox, "2").stdout == "2\n"


def _raise(error: Exception) -> None:
    raise error


def test_a_session_that_was_prepared_and_killed_is_made_anew(sandbox: ProcessSandbox) -> None:
    assert run_cell_in(sandbox, "1").stdout == "1\n"  # The next one is prepared behind it.
    (zygote,) = footprint()[2]
    for pid in processes.descendants(int(zygote)):
        os.kill(pid, signal.SIGKILL)
    assert run_cell_in(sandbox, "2").stdout == "2\n"


def test_a_prepared_scratch_folder_that_was_cleaned_away_is_made_anew(sandbox: ProcessSandbox) -> None:
    assert run_cell_in(sandbox, "1").stdout == "1\n"
    for folder in Path(tempfile.gettempdir()).glob("aimo-sandbox-*"):
        processes.remove(folder)
    assert run_cell_in(sandbox, "open('a', 'w').write('a')").stdout == "1\n"


def test_layers_asked_for_while_the_sandbox_closes_end_with_its_error(sandbox: ProcessSandbox) -> None:
    """Its descriptor was closed under the one who waited for it, who then waited for ever."""

    async def story() -> None:
        asked = asyncio.ensure_future(sandbox.layers())
        await asyncio.sleep(0)
        await sandbox.close()
        with pytest.raises(SandboxError):
            await asyncio.wait_for(asked, HANG_GUARD_SECONDS)

    asyncio.run(story())
