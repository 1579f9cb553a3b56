"""What all dialects share: their names, and the output that a model is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.dialects import DIALECTS, find_dialect
from aimo_solver.dialects.dialect import cut_middle, shown_output
from aimo_solver.errors import InputError
from aimo_solver.sandbox.base import ExecutionResult, ExecutionStatus


def result(stdout: str = "", error: str = "") -> ExecutionResult:
    return ExecutionResult(
        status=ExecutionStatus.ERROR if error else ExecutionStatus.OK, stdout=stdout, error=error, seconds=0.1
    )


def test_the_model_sees_what_was_printed_then_the_error() -> None:
    assert shown_output(result("1\n", "ValueError: no\n"), 400) == "1\nValueError: no"


def test_the_model_sees_the_error_alone_when_nothing_was_printed() -> None:
    assert shown_output(result("", "ValueError: no"), 400) == "ValueError: no"


def test_megabytes_of_output_are_cut_and_keep_the_error() -> None:
    shown = shown_output(result("x" * 5_000_000, "MemoryError"), 400)
    assert len(shown) < 500
    assert shown.endswith("MemoryError")


def test_long_output_keeps_head_and_tail() -> None:
    assert cut_middle("abcdefghij", 5) == "ab\n... 5 characters cut ...\nhij"


@given(st.text("ab\n", max_size=60), st.integers(1, 60))
def test_a_cut_says_exactly_what_is_missing(text: str, limit: int) -> None:
    shown = cut_middle(text, limit)
    if len(text) <= limit:
        assert shown == text
    else:
        head, tail = limit // 2, limit - limit // 2
        assert shown == f"{text[:head]}\n... {len(text) - limit} characters cut ...\n{text[-tail:]}"


def test_dialects_go_by_their_own_names() -> None:
    assert all(find_dialect(name).name == name for name in DIALECTS)


def test_an_unknown_dialect_lists_the_known_ones() -> None:
    listed = "auto, numina, openmath, hermes, harmony, s1, cot, template"
    with pytest.raises(InputError, match=f"dialect must be one of {listed}, got 'klingon'"):
        find_dialect("klingon")
