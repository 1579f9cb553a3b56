"""What a sandbox must not leave behind: descriptors, scratch folders, child processes."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aimo_solver.sandbox import processes
from aimo_solver.sandbox.process_sandbox import ProcessSandbox


@contextmanager
def clean_sandbox(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[ProcessSandbox]:
    """Makes a sandbox with its scratch folders in `folder`, and asserts that it leaves nothing behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = footprint()
    sandbox = ProcessSandbox(memory_bytes=256 * 2**20, preload=())
    yield sandbox
    asyncio.run(sandbox.close())
    assert footprint() == before


def footprint() -> tuple[int, list[str], list[int]]:
    """Returns this process's open descriptors (their number), scratch folders and children."""
    scratch = [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("aimo-sandbox-")]
    return len(os.listdir("/proc/self/fd")), sorted(scratch), sorted(processes.children(os.getpid()))
