"""What a sandbox must not leave behind: descriptors, scratch folders, child processes."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
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


def abandoned_shared_memory() -> set[str]:
    """Returns the names of shared memory that no living process has mapped or open, such as killed ones leave."""
    names = set(os.listdir("/dev/shm"))
    for process in Path("/proc").glob("[0-9]*"):
        if not names:
            break
        used = ""
        with suppress(OSError):  # It has ended, or belongs to another user.
            used = (process / "maps").read_text()
            for descriptor in (process / "fd").iterdir():
                with suppress(FileNotFoundError):  # It has been closed.
                    used += f"{os.readlink(descriptor)}\n"
        names = {name for name in names if f"/dev/shm/{name}\n" not in used}
    return names


def footprint() -> tuple[int, list[str], list[int]]:
    """Returns this process's open descriptors (their number), scratch folders and children."""
    scratch = [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("aimo-sandbox-")]
    return len(os.listdir("/proc/self/fd")), sorted(scratch), sorted(processes.children(os.getpid()))
