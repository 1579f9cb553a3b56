"""Stopping rules: against their formulas, their tables, and an exact tie."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.policies.policy import Progress
from aimo_solver.policies.stopping import (
    StoppingRule,
    adaptive_consistency,
    agreement,
    agreement_of_last,
    cannot_be_caught,
    doubt,
    e_process,
    same_window,
    sequential_ratio,
)
from tests.helpers.progress import progress as made_progress

RULES: dict[str, StoppingRule] = {
    "4 of 5": agreement(4, 5),
    "4 of the last 5": agreement_of_last(4, 5),
    "adaptive consistency": adaptive_consistency(),
    "SPRT": sequential_ratio(),
    "e-process": e_process(),
    "ESC": same_window(),
}


def progress(*answers: int | None, running: int = 100) -> Progress:
    return made_progress(*answers, running=running)


def stops_after(rule: StoppingRule, answers: list[int]) -> int | None:
    """Returns the number of answers after which the rule stops; None if it does not."""
    return next((n for n in range(1, len(answers) + 1) if rule(progress(*answers[:n])) is not None), None)


@pytest.mark.parametrize(
    ("name", "votes"),
    [("4 of 5", 4), ("4 of the last 5", 5), ("adaptive consistency", 4), ("SPRT", 7), ("e-process", 7), ("ESC", 5)],
)
def test_unanimous_votes_stop_after(name: str, votes: int) -> None:
    assert stops_after(RULES[name], [7] * 20) == votes


@pytest.mark.parametrize(("against", "needed"), [(0, 4), (1, 6), (2, 8)])
def test_adaptive_consistency_needs_more_for_each_vote_against(against: int, needed: int) -> None:
    rule = adaptive_consistency()
    assert rule(progress(*[1] * (needed - 1), *[2] * against)) is None
    assert rule(progress(*[1] * needed, *[2] * against)) is not None


def test_half_the_rollouts_and_one_cannot_be_caught() -> None:
    assert cannot_be_caught(progress(*[1] * 8, running=8)) is None
    assert cannot_be_caught(progress(*[1] * 9, running=7)) is not None


def test_nothing_is_caught_once_nothing_is_to_come() -> None:
    assert cannot_be_caught(progress(1, 1, 1, running=0)) is None


def test_what_cannot_be_caught_is_what_the_vote_in_use_says() -> None:
    ahead = progress(*[1] * 9, running=7)
    assert cannot_be_caught(replace(ahead, settled=None)) is None
    assert cannot_be_caught(replace(ahead, settled=2)) == "2 cannot be caught"


def test_a_rollout_without_an_answer_casts_no_vote() -> None:
    assert stops_after(agreement(4, 5), []) is None
    assert agreement(4, 5)(progress(1, None, None, 1, None, 1, 1)) == "4 of the first 4 answers are 1"


def test_the_last_five_are_the_last_by_time() -> None:
    assert agreement_of_last(4, 5)(progress(1, 1, 1, 2, 2, 2, 2)) == "4 of the last 5 answers are 2"


def test_a_window_must_be_equal_as_a_whole() -> None:
    assert same_window()(progress(2, 1, 1, 1, 1, 1)) is None
    assert same_window()(progress(2, 1, 1, 1, 1, *[1] * 5)) is not None


@pytest.mark.parametrize(("votes", "runner_up", "value"), [(0, 0, 0.5), (1, 0, 0.25), (3, 0, 1 / 16), (1, 1, 0.5)])
def test_doubt_is_the_beta_tail(votes: int, runner_up: int, value: float) -> None:
    assert doubt(votes, runner_up) == pytest.approx(value)


@given(st.integers(0, 20), st.integers(0, 20))
def test_doubt_falls_with_every_vote_and_rises_with_every_one_against(votes: int, runner_up: int) -> None:
    assert 0 < doubt(votes + 1, runner_up) < doubt(votes, runner_up) < doubt(votes, runner_up + 1) < 1


@given(st.lists(st.integers(0, 3), max_size=30))
def test_no_rule_stops_before_the_first_vote_and_all_name_the_leader(answers: list[int]) -> None:
    for rule in RULES.values():
        assert rule(progress()) is None
        reason = rule(progress(*answers))
        assert reason is None or any(str(answer) in reason for answer in answers)


def test_on_an_exact_tie_the_e_process_stops_falsely_in_at_most_one_of_twenty() -> None:
    rng, contests = Random(0), 300
    stopped = sum(stops_after(e_process(), rng.choices((1, 2), k=40)) is not None for _ in range(contests))
    assert stopped <= 0.05 * contests


def test_on_an_exact_tie_consensus_stops_falsely_much_more_often() -> None:
    rng, contests = Random(0), 300
    stopped = sum(stops_after(agreement(4, 5), rng.choices((1, 2), k=40)) is not None for _ in range(contests))
    assert stopped > 0.25 * contests
