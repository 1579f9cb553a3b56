"""The sandbox's processes start in another folder: what a user's environment names relatively is still found."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest

from aimo_solver.sandbox.base import ExecutionStatus, Session
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from tests.helpers.sandbox_sessions import HANG_GUARD_SECONDS, in_session


def test_a_relative_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", "scratch")
    monkeypatch.setenv("PYTHONPATH", ".")
    monkeypatch.setattr(tempfile, "tempdir", None)

    sandbox = ProcessSandbox(preload=())

    async def scenario(session: Session) -> None:
        result = await session.execute("open('a', 'w').write('x'); print(open('a').read())", HANG_GUARD_SECONDS)
        assert (result.status, result.stdout) == (ExecutionStatus.OK, "x\n")

    in_session(sandbox, scenario)
    asyncio.run(sandbox.close())
