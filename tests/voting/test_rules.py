"""Vote rules by name: how each weighs votes, from trajectories alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.config.names import TieBreak, VoteName
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import AnswerRule
from aimo_solver.reports.revote import recast, revote
from aimo_solver.rollouts.trajectory import Trajectory, Turn
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.voting import VOTE_RULES, VoteRule, find_vote_rule, plurality
from tests.helpers.examples import rollouts, solution, trajectory

FLOATS = st.floats(-5, 20)


def said(
    answer: int | None, rollout: int, *, values: tuple[float, ...] = (1.0,), output: str | None = None
) -> Trajectory:
    """A rollout whose tokens had these entropies and confidences, and whose program printed this output."""
    status = None if output is None else ExecutionStatus.OK
    turn = Turn("text", 5, 1.0, output=output, status=status, entropies=values, confidences=values)
    return trajectory(answer, rollout, turns=(turn,))


def winner(name: str, *voters: Trajectory) -> int | None:
    return find_vote_rule(name).cast(voters).answer


def test_entropy_prefers_the_confident() -> None:
    assert winner("entropy", said(7, 0, values=(2.0,)), said(7, 1, values=(2.0,)), said(42, 2, values=(0.6,))) == 42


def test_one_rollout_with_almost_no_entropy_does_not_outvote_five() -> None:
    voters = [said(42, place) for place in range(5)]
    assert winner("entropy", *voters, said(7, 5, values=(1e-9,))) == 42


def test_deepconf_leaves_out_the_least_confident() -> None:
    sure, unsure = [said(42, 0, values=(5.0,))], [said(7, place, values=(1.0 + place / 100,)) for place in range(1, 10)]
    assert winner("deepconf-low", *sure, *unsure) == 42
    assert winner("deepconf-high", *sure, *unsure) == 7


def test_deepconf_high_weighs_the_least_confident_part_and_deepconf_tail_the_end() -> None:
    dips, steady = said(7, 0, values=(9.0,) * 5000 + (0.0,) * 5000 + (9.0,) * 5000), said(42, 1, values=(6.0,) * 15000)
    assert winner("deepconf-high", dips, steady) == 42
    assert winner("deepconf-tail", dips, steady) == 7


def test_code_that_printed_the_answer_counts_double() -> None:
    talkers = [said(7, 0), said(7, 1, output="9")]
    assert winner("code", *talkers, said(42, 2, output="6 times 7 is 42")) == 7  # 2 to 2: the lower index.
    assert winner("code", said(7, 0), said(42, 1, output="42")) == 42


@pytest.mark.parametrize(
    ("output", "winner_by_code"), [("np.int64(42)", 42), ("3.42", 7), ("1042", 7), ("9" * 5000, 7), ("42.0", 42)]
)
def test_what_a_program_printed_is_read_as_answers_are(output: str, winner_by_code: int) -> None:
    assert winner("code", said(7, 0), said(42, 1, output=output)) == winner_by_code


def test_what_a_program_printed_is_reduced_by_the_contests_modulus() -> None:
    voters, modulus = (said(7, 0), said(42, 1, output="1042")), AnswerRule("modulus", minimum=0, modulus=1000)
    assert find_vote_rule("code").cast(voters, accepted=modulus).answer == 42


def test_an_entropy_that_is_no_number_weighs_nothing() -> None:
    assert winner("entropy", said(7, 0, values=(math.nan,)), said(42, 1, values=(2.0,))) == 42


def test_imagination_weighs_small_and_round_answers_less() -> None:
    assert winner("imagination", said(3, 0), said(421, 1)) == 421
    assert winner("imagination", said(300, 0), said(421, 1)) == 421


def test_short_and_long_weigh_length_in_opposite_ways() -> None:
    voters = (trajectory(7, 0, tokens=10), trajectory(42, 1, tokens=90))
    assert (winner("short", *voters), winner("long", *voters)) == (7, 42)


def test_scores_run_from_minus_one_to_one() -> None:
    voters = [replace(said(7, place), score=-0.8) for place in range(3)]
    assert winner("score", *voters, replace(said(42, 3), score=0.9)) == 42


def test_only_the_better_half_by_score_votes() -> None:
    worse = [replace(said(7, place), score=-0.8) for place in range(3)]
    better = [replace(said(42, place), score=0.5) for place in range(3, 6)]
    assert winner("top-scored", *worse, *better) == 42


@given(
    st.lists(st.tuples(st.one_of(st.none(), st.integers(-3, 300)), st.lists(FLOATS, max_size=4)), max_size=10),
    st.sampled_from(sorted(VOTE_RULES)),
    st.sampled_from(TieBreak),
)
def test_every_rule_votes_for_an_answer_that_was_given(
    cast: list[tuple[int | None, list[float]]], name: str, tie_break: TieBreak
) -> None:
    voters = [said(answer, place, values=tuple(values)) for place, (answer, values) in enumerate(cast)]
    vote = find_vote_rule(name).cast(voters, tie_break)
    answers = {answer for answer, _ in cast if answer is not None}
    assert vote.answer in (answers or {None})
    assert vote.answered == sum(answer is not None for answer, _ in cast)
    if len(answers) == 1:
        assert vote.answer in answers


@given(st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=10), st.sampled_from(TieBreak))
def test_the_rule_plurality_is_the_plurality(answers: list[int | None], tie_break: TieBreak) -> None:
    voters = rollouts(*answers)
    assert find_vote_rule("plurality").cast(voters, tie_break) == plurality(voters, tie_break=tie_break)


def test_every_vote_has_a_rule_and_every_rule_a_name() -> None:
    assert list(VOTE_RULES) == list(VoteName)
    assert all(rule.name is name for name, rule in VOTE_RULES.items())


def test_a_rule_is_found_in_any_case() -> None:
    assert find_vote_rule("DeepConf-Low") is VOTE_RULES[VoteName.DEEPCONF_LOW]


def test_an_unknown_rule_lists_those_there_are() -> None:
    with pytest.raises(InputError, match="vote must be one of plurality, entropy, deepconf-high"):
        find_vote_rule("borda")


# Votes on a finished run


def test_a_run_is_voted_on_again() -> None:
    solutions = [solution([said(7, 0), said(42, 1, output="42")]), solution([said(42, 0)], problem_id="p2")]
    found = revote(solutions, find_vote_rule("code"))
    assert (found.correct, found.judged) == (2, 2)
    assert found.difference is not None and found.difference.mean == pytest.approx(0.5)
    assert [s.answer for s in recast(solutions, find_vote_rule("plurality"))] == [7, 42]


def test_votes_on_a_finished_run_are_in_the_order_in_which_its_rollouts_ended() -> None:
    slow, quick = replace(said(7, 0), seconds=9.0), replace(said(42, 1), started_seconds=1.0, seconds=2.0)
    rule = find_vote_rule("plurality")
    assert [s.answer for s in recast([solution([slow, quick])], rule, TieBreak.FIRST_FINISHED)] == [42]
    assert [s.answer for s in recast([solution([slow, quick])], rule)] == [7]


def test_a_rule_that_fails_on_a_finished_run_is_refused_by_name() -> None:
    def fail(voters: Sequence[Trajectory], accepted: AnswerRule) -> list[float]:
        raise ZeroDivisionError("no tokens")

    with pytest.raises(InputError, match=r"vote short failed on p1 \(ZeroDivisionError: no tokens\)"):
        recast([solution(rollouts(42))], VoteRule(VoteName.SHORT, "fails", fail))


def test_the_fallback_stays_without_an_answer() -> None:
    (again,) = recast([solution([said(None, 0)])], find_vote_rule("code"))
    assert again.answer == 0 and again.vote.answer is None


@pytest.mark.parametrize(("name", "need"), [("entropy", "log-probabilities"), ("score", "a scorer's values")])
def test_a_rule_whose_needs_were_not_logged_is_refused(name: str, need: str) -> None:
    with pytest.raises(InputError, match=f"vote {name} needs {need}"):
        revote([solution(rollouts(42))], find_vote_rule(name))
