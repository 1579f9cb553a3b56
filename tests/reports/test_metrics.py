"""Figures and comparisons: unbiased curves, paired tests, and words that are true."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.errors import InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.reports.compare import SettingDifference, compare, differing_settings
from aimo_solver.reports.metrics import curve, groups, majority_curve, pass_curve, spread_over_runs
from aimo_solver.rollouts.trajectory import StopReason
from aimo_solver.solver.solution import Solution
from aimo_solver.voting import plurality
from tests.helpers.examples import rollouts, solution, trajectory

answers = st.lists(st.sampled_from([42, 7, 8, None]), min_size=1, max_size=7)


def by_hand(given: list[int | None], k: int) -> float:
    """Plurality over every subset of k, ties by lot."""
    chances: list[float] = []
    for subset in combinations(given, k):
        votes = {answer: subset.count(answer) for answer in subset if answer is not None}
        best = max(votes.values(), default=0)
        tied = [answer for answer, count in votes.items() if count == best]
        chances.append(tied.count(42) / len(tied) if tied else 0.0)
    return sum(chances) / len(chances)


@settings(max_examples=60)
@given(answers)
def test_maj_at_k_is_the_mean_over_all_subsets(given: list[int | None]) -> None:
    found = majority_curve(given, 42)
    assert found[0] == pytest.approx(by_hand(given, 1))
    assert found[-1] == pytest.approx(by_hand(given, len(given)))
    for k in range(1, len(given) + 1):
        assert found[k - 1] == pytest.approx(by_hand(given, k), abs=0.15)


@given(answers)
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(given: list[int | None]) -> None:
    for k, found in enumerate(pass_curve(given, 42), start=1):
        subsets = list(combinations(given, k))
        assert found == pytest.approx(sum(42 in subset for subset in subsets) / len(subsets))


def test_a_curve_ends_where_the_smallest_problem_does() -> None:
    found = curve([solution(rollouts(42, 7, 42)), solution(rollouts(42, 42), problem_id="p2")])
    assert [point.k for point in found] == [1, 2]


def test_cancelled_rollouts_are_not_in_a_curve() -> None:
    cut = trajectory(None, 1, stop_reason=StopReason.CANCELLED)
    (point,) = curve([solution([*rollouts(42), cut])])
    assert point.majority.mean == 1.0


def test_no_gold_no_curve() -> None:
    assert curve([solution(rollouts(1), gold=None)]) == []


def test_runs_are_counted_when_whole() -> None:
    done = [solution(rollouts(a), run=run, problem_id=id) for run, a in ((0, 42), (1, 7)) for id in ("p1", "p2")]
    assert spread_over_runs(done[:3]).correct == (2,)
    assert spread_over_runs(done).mean == 1.0 and spread_over_runs(done).deviation == pytest.approx(2**0.5)


def of(family: str, level: int, id: str) -> Solution:
    problem = Problem(id, "?", 42, source=f"MATH test, a/{id}.json ({family})", level=level, set="math")
    return replace(solution(rollouts(42), problem_id=id), problem=problem)


def test_problems_are_grouped_by_level_and_family_but_not_by_their_only_set() -> None:
    found = groups([of("Algebra", 4, "1"), of("Algebra", 5, "2"), of("Geometry", 5, "3")])
    assert [(group.by, group.name, group.summary.problems) for group in found] == [
        ("level", "level 4", 1),
        ("level", "level 5", 2),
        ("family", "Algebra", 2),
        ("family", "Geometry", 1),
    ]


@pytest.mark.parametrize(
    ("source", "family"),
    [
        ("AIME I 2022, Problem 1", "AIME I 2022"),
        ("MATH test, algebra/6.json (Algebra)", "Algebra"),
        ("number theory, new wording", "number theory, new wording"),
        (None, "-"),
    ],
)
def test_a_family_is_read_off_the_source(source: str | None, family: str) -> None:
    assert Problem("a", "?", source=source).family == family


# Comparing


def run_of(*right: int, run: int = 0) -> list[Solution]:
    """One problem a number: 1 answered rightly."""
    return [solution(rollouts(42 if r else 7), problem_id=f"p{n}", run=run) for n, r in enumerate(right)]


def test_a_clear_gain_is_real() -> None:
    found = compare(run_of(*[0] * 20, *[1] * 10), run_of(*[1] * 20, *[1] * 10))
    assert found.real and found.only_second == 20 and found.only_first == 0
    assert found.words == "The second is really better, by 66.7 points."


def test_a_small_gain_may_be_luck_and_the_words_say_what_would_show_it() -> None:
    first = [s for run in range(3) for s in run_of(*[1, 0] * 20, run=run)]
    second = [s for run in range(3) for s in run_of(*[run != 1, run == 2] * 20, run=run)]
    found = compare(first, second)
    assert not found.real
    assert "may well be luck" in found.words or "No difference" in found.words


def test_equal_runs_have_no_difference() -> None:
    found = compare(run_of(1, 0, 1), run_of(1, 0, 1))
    assert (found.p_value, found.difference.mean, found.real) == (1.0, 0.0, False)
    assert found.words.startswith("No difference")


def test_gains_and_losses_that_cancel_are_no_difference() -> None:
    """What is left of them is a rounding error, which no number of problems would show."""
    gains = [1, -1, 0, 0, 0, 0, 0]
    first = [s for run in range(5) for s in run_of(*[int(gain < 0) for gain in gains], run=run)]
    second = [s for run in range(5) for s in run_of(*[int(gain > 0) for gain in gains], run=run)]
    assert compare(first, second).words.startswith("No difference; one of")


def test_settings_that_differ_are_listed_seeds_and_paths_last() -> None:
    first = {"seed": 1, "model": "/a/m", "preset": {"vote": "plurality", "policy": {"name": "fixed"}}, "same": 1}
    second = {"seed": 2, "model": "/b/m", "preset": {"vote": "plurality", "policy": {"name": "x"}}, "same": 1, "new": 3}
    assert differing_settings(first, second) == [
        SettingDifference("preset.policy.name", "fixed", "x"),
        SettingDifference("new", None, 3),
        SettingDifference("seed", 1, 2),
        SettingDifference("model", "/a/m", "/b/m"),
    ]
    assert differing_settings(first, first) == []


def test_only_what_both_have_is_compared() -> None:
    found = compare(run_of(1, 1), [*run_of(1, 1, 0), *run_of(0, run=1)])
    assert (found.pairs, found.problems, found.runs) == (2, 2, 1)


def test_runs_without_a_common_problem_are_refused() -> None:
    with pytest.raises(InputError, match="replay the same set twice"):
        compare(run_of(1), [solution(rollouts(42), problem_id="other")])


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_a_comparison_turned_round_is_its_opposite(pairs: list[tuple[bool, bool]]) -> None:
    first, second = (run_of(*(int(pair[side]) for pair in pairs)) for side in (0, 1))
    there, back = compare(first, second), compare(second, first)
    assert there.difference.mean == pytest.approx(-back.difference.mean)
    assert (there.p_value, there.real, there.only_first) == (back.p_value, back.real, back.only_second)


def test_every_order_counts_once_in_the_vote_of_all() -> None:
    """maj@n is the vote itself, when nothing is tied."""
    for order in permutations([42, 42, 7]):
        assert majority_curve(list(order), 42)[-1] == (plurality(rollouts(*order)).answer == 42)
