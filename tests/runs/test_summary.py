"""A run's figures: what counts, what is left out, and intervals."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.rollouts.trajectory import StopReason, Trajectory
from aimo_solver.runs.summary import summarise
from aimo_solver.utils.statistics import Estimate
from tests.helpers.examples import rollouts, solution, trajectory

answers = st.lists(st.sampled_from([42, 7, None]), min_size=1, max_size=5)


def cancelled(rollout: int) -> Trajectory:
    return trajectory(None, rollout, stop_reason=StopReason.CANCELLED)


def test_pass_at_1_counts_no_answer_as_wrong() -> None:
    summary = summarise([solution(rollouts(42, 7, None, None))])
    assert summary.pass_at_1 == Estimate(0.25, 0.25, 0.25)


def test_pass_at_1_leaves_out_what_was_cancelled() -> None:
    summary = summarise([solution([*rollouts(42, 7), cancelled(2), cancelled(3)])])
    assert summary.pass_at_1 is not None and summary.pass_at_1.mean == 0.5
    assert (summary.rollouts, summary.cancelled) == (4, 2)


def test_a_problem_whose_rollouts_were_all_cancelled_does_not_count() -> None:
    summary = summarise([solution([cancelled(0)]), solution(rollouts(42), problem_id="p2")])
    assert summary.pass_at_1 is not None and summary.pass_at_1.mean == 1.0


def test_every_problem_counts_alike_however_many_rollouts_it_had() -> None:
    summary = summarise([solution(rollouts(42)), solution(rollouts(7, 7, 7), problem_id="p2")])
    assert summary.pass_at_1 is not None and summary.pass_at_1.mean == 0.5


def test_majority_judges_the_answer_that_was_given() -> None:
    summary = summarise([solution(rollouts(42, 42, 7)), solution(rollouts(7, 7, 42), problem_id="p2")])
    assert summary.majority is not None and summary.majority.mean == 0.5
    assert summary.correct == 1


def test_a_fallback_that_happens_to_be_right_is_right_and_counted() -> None:
    summary = summarise([solution(rollouts(None), gold=0)])
    assert (summary.correct, summary.fallback_answers) == (1, 1)
    assert summary.pass_at_1 is not None and summary.pass_at_1.mean == 0.0


def test_without_golds_there_is_no_accuracy() -> None:
    summary = summarise([solution(rollouts(42), gold=None)])
    assert (summary.pass_at_1, summary.majority, summary.with_gold) == (None, None, 0)


def test_problems_without_gold_do_not_count_as_wrong() -> None:
    summary = summarise([solution(rollouts(42)), solution(rollouts(7), gold=None, problem_id="p2")])
    assert summary.majority is not None and summary.majority.mean == 1.0


def test_no_problems_make_an_empty_summary() -> None:
    summary = summarise([])
    assert (summary.problems, summary.runs, summary.pass_at_1) == (0, 0, None)


def test_runs_of_one_problem_are_one_problem() -> None:
    summary = summarise([solution(rollouts(42), run=0), solution(rollouts(7), run=1)])
    assert (summary.runs, summary.problems, summary.with_gold) == (2, 1, 2)
    assert summary.majority == Estimate(0.5, 0.5, 0.5)


def test_contested_votes_and_stop_reasons_are_counted() -> None:
    summary = summarise([solution(rollouts(42, 7, None)), solution(rollouts(42), problem_id="p2")])
    assert summary.contested == 1
    assert summary.stop_reasons == {"answered": 3, "no_answer": 1}


def test_a_summary_is_json() -> None:
    summary = summarise([solution(rollouts(42, 7))])
    assert json.loads(json.dumps(summary.to_json()))["pass_at_1"]["mean"] == 0.5


def test_the_same_run_has_the_same_interval() -> None:
    solutions = [solution(rollouts(n % 2 * 42), problem_id=str(n)) for n in range(20)]
    first = summarise(solutions).majority
    assert first == summarise(solutions).majority
    assert first is not None and 0.2 < first.low < 0.4 and 0.6 < first.high < 0.8


@settings(max_examples=25)
@given(st.lists(answers, min_size=1, max_size=8))
def test_an_interval_holds_its_mean(problems: list[list[int | None]]) -> None:
    summary = summarise([solution(rollouts(*given), problem_id=str(place)) for place, given in enumerate(problems)])
    for estimate in (summary.pass_at_1, summary.majority):
        assert estimate is not None
        assert 0 <= estimate.low <= estimate.mean + 1e-9
        assert estimate.mean - 1e-9 <= estimate.high <= 1
