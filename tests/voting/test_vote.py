"""Votes: plurality, weights, ties, and the order of finishing."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.config.names import TieBreak
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.voting import plurality
from tests.helpers.examples import rollouts, trajectory

ballots = st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=12)
ballot_weights = st.one_of(st.floats(-2, 2), st.sampled_from([math.inf, -math.inf, math.nan]))


def by_rollout(*weights: float) -> Callable[[Trajectory], float]:
    return lambda trajectory: weights[trajectory.rollout]


def test_the_most_frequent_answer_wins() -> None:
    vote = plurality(rollouts(7, 42, 42))
    assert (vote.answer, vote.tally, vote.answered) == (42, ((42, 2.0), (7, 1.0)), 3)


def test_rollouts_without_an_answer_cast_no_vote() -> None:
    vote = plurality(rollouts(None, None, 7))
    assert (vote.answer, vote.answered) == (7, 1)


def test_a_vote_without_answers_has_no_winner() -> None:
    vote = plurality(rollouts(None, None))
    assert (vote.answer, vote.tally, vote.answered, vote.margin) == (None, (), 0, 0.0)


def test_zero_is_an_answer_like_any_other() -> None:
    assert plurality(rollouts(0, 0, 7)).answer == 0


def test_weights_outvote_numbers() -> None:
    assert plurality(rollouts(7, 7, 42), by_rollout(1.0, 1.0, 2.5)).answer == 42


def test_the_margin_is_the_lead_over_the_runner_up() -> None:
    assert plurality(rollouts(7, 42, 42, 42, 5)).margin == 2.0
    assert plurality(rollouts(42, 42)).margin == 2.0


def test_a_vote_is_contested_when_two_answers_were_given() -> None:
    assert plurality(rollouts(7, 42, 42)).contested
    assert not plurality(rollouts(42, None, 42)).contested


@pytest.mark.parametrize("broken", [math.inf, -math.inf, math.nan, -5.0])
def test_a_weight_that_is_negative_or_not_finite_counts_as_zero(broken: float) -> None:
    vote = plurality(rollouts(7, 42, 42), by_rollout(broken, 0.5, 0.5))
    assert vote.tally == ((42, 1.0), (7, 0.0))


def test_without_weights_one_rollout_is_one_vote() -> None:
    assert plurality(rollouts(7, 42, 42)).tally[0] == (42, 2.0)


def test_first_rollout_breaks_a_tie_by_index_not_by_time() -> None:
    first, second = rollouts(7, 42)
    assert plurality([second, first], tie_break=TieBreak.FIRST_ROLLOUT).answer == 7


def test_first_finished_breaks_a_tie_by_time() -> None:
    first, second = rollouts(7, 42)
    assert plurality([second, first], tie_break=TieBreak.FIRST_FINISHED).answer == 42


def test_fewest_tokens_breaks_a_tie_by_the_voters_mean() -> None:
    voters = [trajectory(7, 0, tokens=100), trajectory(42, 1, tokens=60), trajectory(42, 2, tokens=80)]
    tied = by_rollout(2.0, 1.0, 1.0)
    assert plurality(voters, tied, TieBreak.FEWEST_TOKENS).answer == 42


def test_a_tie_break_never_beats_a_weight() -> None:
    voters = [trajectory(7, 0, tokens=1), trajectory(42, 1, tokens=900), trajectory(42, 2, tokens=900)]
    assert {plurality(voters, tie_break=tie_break).answer for tie_break in TieBreak} == {42}


@given(ballots, st.sampled_from([TieBreak.FIRST_ROLLOUT, TieBreak.FEWEST_TOKENS]), st.randoms())
def test_the_order_of_finishing_does_not_matter(answers: list[int | None], tie_break: TieBreak, random: Random) -> None:
    voters = list(rollouts(*answers))
    finished = list(voters)
    random.shuffle(finished)
    assert plurality(finished, tie_break=tie_break) == plurality(voters, tie_break=tie_break)


@given(st.lists(st.tuples(st.integers(-3, 3), ballot_weights), min_size=1, max_size=12), st.sampled_from(TieBreak))
def test_the_winner_has_the_greatest_weight(cast: list[tuple[int, float]], tie_break: TieBreak) -> None:
    def weight(voter: Trajectory) -> float:
        return cast[voter.rollout][1]

    vote = plurality(rollouts(*[answer for answer, _ in cast]), weight, tie_break)
    assert vote.answer == vote.tally[0][0]
    assert vote.tally[0][1] == max(weight for _, weight in vote.tally) >= 0
    assert vote.answered == len(cast)
