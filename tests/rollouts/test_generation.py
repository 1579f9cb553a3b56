"""Generations: what is removed from their end."""

from __future__ import annotations

from aimo_solver.rollouts.generation import Generation
from tests.helpers.fakes import TOKENIZER


def test_a_marker_that_is_not_there_removes_nothing() -> None:
    generation = Generation(0.0)
    generation.token_ids = TOKENIZER.encode("abc")
    generation.cut_before("</think>", TOKENIZER.decode)
    assert TOKENIZER.decode(generation.token_ids) == "abc"
