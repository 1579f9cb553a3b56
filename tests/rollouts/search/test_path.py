"""Paths: which steps failed, and what was written in which turn."""

from __future__ import annotations

import pytest

from aimo_solver.rollouts.search.path import Path, Step, StepEnd
from aimo_solver.sandbox.base import ExecutionStatus
from tests.helpers.nodes import step


@pytest.mark.parametrize("status", [status for status in ExecutionStatus if status is not ExecutionStatus.OK])
def test_a_step_has_failed_when_its_run_did(status: ExecutionStatus) -> None:
    assert step("error: none", StepEnd.CALL, status).failed
    assert not step("error: none", StepEnd.CALL, status).continues
    assert step("error: none", StepEnd.CALL, ExecutionStatus.OK).continues


def test_code_that_a_blank_line_cut_is_whole_in_its_turn() -> None:
    ran = Step(token_ids=(1,), text="```python\n1\n```\n```output\n", end=StepEnd.CALL, output="1", shown="1\n```\n")
    path = Path((ran, step("```python\nx = 1\n\n"), step("x\n```\n```output\n")))
    assert path.turn_text == "```python\nx = 1\n\nx\n```\n```output\n"
    assert path.written.count("1\n```\n") == 1
    assert path.text.count("1\n```\n") == 2
