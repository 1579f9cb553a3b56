"""available_libraries: what it names can be imported in a session, and nothing else of the list can."""

from __future__ import annotations

import asyncio
import sys

import pytest

from aimo_solver.errors import SandboxError
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.sandbox.inside.libraries import LIBRARIES
from aimo_solver.sandbox.libraries import available_libraries
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from tests.helpers.sandbox_sessions import run_cells

OF_THE_LOCKS = {"numpy", "sympy", "scipy", "networkx", "mpmath", "pandas", "matplotlib"}


def test_sessions_import_every_available_library_and_no_other_of_the_list() -> None:
    sandbox = ProcessSandbox()
    results = run_cells(sandbox, *(f"import {name}" for name in LIBRARIES))
    asyncio.run(sandbox.close())
    imported = [name for name, result in zip(LIBRARIES, results, strict=True) if result.status is ExecutionStatus.OK]
    assert tuple(imported) == available_libraries()


def test_the_locks_have_what_models_import_most() -> None:
    assert set(available_libraries()) >= OF_THE_LOCKS


def test_a_python_that_does_not_start_is_a_failure_of_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SandboxError, match="libraries"):
        available_libraries()
