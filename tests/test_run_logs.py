"""Run logs: what runs left in their folders is read back, or refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from examples import solution, trajectory

from aimo_solver.errors import InputError
from aimo_solver.run_folder import RunFolder
from aimo_solver.run_logs import read_samples
from aimo_solver.trajectory import StopReason


def test_runs_become_pools(tmp_path: Path) -> None:
    done, cut = trajectory(answer=42), trajectory(answer=None, stop_reason=StopReason.DEADLINE)
    paths = [tmp_path / "one", tmp_path / "two"]
    for path in paths:
        with RunFolder(path, {}) as folder:
            folder.add(solution([done, cut]))
    (logged,) = read_samples(paths)
    assert (logged.gold, len(logged.samples)) == (42, 2)
    assert {sample["answer"] for sample in logged.samples} == {42}


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give a run folder"):
        read_samples([tmp_path])
