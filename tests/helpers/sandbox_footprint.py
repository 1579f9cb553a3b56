"""A process sandbox to act on, that must leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aimo_solver.sandbox.process_sandbox import ProcessSandbox


@contextmanager
def clean_sandbox(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessSandbox]:
    """Its scratch folders are in `folder`: other runs on this machine have some too."""
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = footprint()
    sandbox = ProcessSandbox(memory_bytes=256 * 2**20, preload=())
    yield sandbox
    asyncio.run(sandbox.close())
    assert footprint() == before


def footprint() -> tuple[int, list[str], list[str]]:
    """What a test must not leave: descriptors, scratch folders, children."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    scratch = [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("aimo-sandbox-")]
    return len(os.listdir("/proc/self/fd")), sorted(scratch), children
