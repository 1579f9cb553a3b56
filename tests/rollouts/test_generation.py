"""Generations: what is removed from their end, and how undecided their tokens were."""

from __future__ import annotations

import math

import pytest

from aimo_solver.engine.base import TokenLogprob
from aimo_solver.rollouts.generation import Generation, confidences, entropies
from tests.helpers.fakes import TOKENIZER


def test_a_marker_that_is_not_there_removes_nothing() -> None:
    generation = Generation(0.0)
    generation.token_ids = TOKENIZER.encode("abc")
    generation.cut_before("</think>", TOKENIZER.decode)
    assert TOKENIZER.decode(generation.token_ids) == "abc"


def test_an_alternative_that_could_not_be_drawn_makes_no_token_undecided_or_sure() -> None:
    halves = {1: math.log(0.5), 2: math.log(0.5)}
    tokens = [TokenLogprob(1, halves[1], halves), TokenLogprob(1, halves[1], halves | {3: -math.inf})]
    assert entropies(tokens) == pytest.approx([math.log(2)] * 2)
    assert confidences(tokens) == pytest.approx([math.log(2)] * 2)
