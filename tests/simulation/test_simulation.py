"""Simulation: streams that share an engine, contests, bounds, studies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.errors import InputError
from aimo_solver.policies import POLICIES, make_policy
from aimo_solver.policies.fixed import FixedPolicy
from aimo_solver.policies.speed_table import SpeedTable, Workload
from aimo_solver.simulation.bounds import hindsight, informed, majority_all
from aimo_solver.simulation.contest import ContestProblem, ProblemOrder, draw_contest, run_contest
from aimo_solver.simulation.groups import run_groups
from aimo_solver.simulation.pool import Pool, PoolProblem, Sample
from aimo_solver.simulation.streams import Streams
from aimo_solver.simulation.study import StudyPlan, run_study
from aimo_solver.simulation.virtual_clock import VirtualDeadlock, run_virtual

EVEN = SpeedTable("even", (1,), (1.0,), ("a unit",))
SHARED = SpeedTable("shared", (1, 2), (1.0, 0.5), ("a unit", "half of it"))
"""One token a second in all, however many streams."""


def problem(*samples: tuple[int | None, int], gold: int = 1, id: str = "p") -> PoolProblem:
    return PoolProblem(id, gold, tuple(Sample(answer, tokens) for answer, tokens in samples))


def contest(*problems: PoolProblem) -> tuple[ContestProblem, ...]:
    return tuple(ContestProblem(one, one.samples) for one in problems)


POOL = Pool(
    "small",
    (
        problem(*[(1, 10 + n) for n in range(8)], id="easy"),
        problem(*[(1, 10), (2, 12), (1, 30), (None, 40), (1, 20), (2, 22), (1, 15), (1, 9)], id="middle"),
        problem(*[(2, 30 + n) for n in range(8)], id="lost"),
    ),
)


# Streams


def finish_times(tokens: Sequence[int], speeds: SpeedTable) -> list[float]:
    async def story() -> list[float]:
        streams = Streams(speeds)
        begun = streams.loop.time()

        async def one(count: int) -> float:
            assert await streams.begin(count).done()
            return streams.loop.time() - begun

        return await asyncio.gather(*map(one, tokens))

    return run_virtual(story())


def test_streams_that_do_not_slow_each_other_take_their_tokens() -> None:
    assert finish_times([3, 1, 2], EVEN) == pytest.approx([3.0, 1.0, 2.0])


def test_a_shared_engine_gives_each_its_part_until_one_ends() -> None:
    assert finish_times([2, 4], SHARED) == pytest.approx([4.0, 6.0])


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_streams_end_when_the_arithmetic_says(tokens: list[int]) -> None:
    groups = run_groups([(1, [Sample(1, count) for count in tokens])], SHARED)
    assert sorted(finish_times(tokens, SHARED)) == pytest.approx(list(groups.seconds[0]), abs=1e-3)


def test_a_stream_that_is_cut_leaves_its_part_to_the_others_and_keeps_its_tokens() -> None:
    async def story() -> tuple[float, int, bool]:
        streams = Streams(SHARED)
        begun = streams.loop.time()
        long, short = streams.begin(100), streams.begin(10)
        streams.loop.call_later(8.0, long.cut)
        assert await short.done()
        return streams.loop.time() - begun, long.tokens, await long.done()

    assert run_virtual(story()) == (pytest.approx(14.0), 4, False)


def test_waiting_for_nothing_is_an_error_and_no_hang() -> None:
    async def story() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(VirtualDeadlock):
        run_virtual(story())


# Contests


def test_a_contest_is_the_same_for_every_policy() -> None:
    assert draw_contest(POOL, 5, ProblemOrder.RANDOM, 0, 3) == draw_contest(POOL, 5, ProblemOrder.RANDOM, 0, 3)
    assert draw_contest(POOL, 9, ProblemOrder.RANDOM, 0, 3) != draw_contest(POOL, 9, ProblemOrder.RANDOM, 0, 4)


def test_the_files_order_is_the_files() -> None:
    drawn = draw_contest(POOL, 4, ProblemOrder.FILE, 0, 0)
    assert [one.problem.id for one in drawn] == ["easy", "middle", "lost", "easy"]


def test_samples_are_drawn_without_replacement() -> None:
    for one in draw_contest(POOL, 20, ProblemOrder.RANDOM, 0, 0):
        assert sorted(one.samples, key=repr) == sorted(one.problem.samples, key=repr)


def test_a_rollout_cut_by_its_deadline_gives_no_answer() -> None:
    slow = contest(problem((1, 5), (2, 3), (1, 50)))
    assert not run_contest(slow, FixedPolicy(3, 3), EVEN, 4.0).solved
    # The tie of 5 s is for the rollout of the lowest index.
    assert run_contest(slow, FixedPolicy(3, 3), EVEN, 6.0).solved


def test_no_policy_gets_more_rollouts_than_the_pool_has_samples() -> None:
    assert run_contest(contest(problem((1, 5), (1, 6))), FixedPolicy(48, 48), EVEN, 100.0).solved


def test_time_that_is_gone_leaves_problems_unasked() -> None:
    greedy = make_policy("imagination", {"cap_seconds": 10.0})
    lost = problem(*[(None, 1000)] * 4)
    result = run_contest(contest(lost, lost, lost), greedy, EVEN, 15.0)
    assert (result.unasked, result.seconds) == (1, pytest.approx(15.0, abs=0.1))


@pytest.mark.parametrize("name", [name for name in POLICIES if name != "table"])  # It needs a file.
@given(seed=st.integers(0, 10_000), share=st.floats(1.0, 200.0))
@settings(max_examples=10, deadline=None)
def test_no_policy_exceeds_the_limit(name: str, seed: int, share: float) -> None:
    policy = make_policy(name, {}, Workload(POOL.rollout_tokens, SHARED))
    drawn = draw_contest(POOL, 6, ProblemOrder.RANDOM, seed, 0)
    result = run_contest(drawn, policy, SHARED, 6 * share)
    assert result.seconds <= 6 * share * (1 + 1e-6)
    assert len(result.asked) == 6


# Bounds


def test_majority_of_all_counts_ties_in_fractions() -> None:
    tied = Pool("tied", (problem((1, 5), (2, 6), id="tied"), problem((1, 5), (1, 9), id="sure")))
    assert majority_all([contest(*tied.problems)]) == pytest.approx(1.5)


def test_hindsight_takes_the_cheapest_first() -> None:
    contests = [contest(problem((2, 1), (1, 8), (1, 9)), problem((1, 3), (2, 1)))]
    assert hindsight(contests, EVEN, 2.9) == 0
    assert hindsight(contests, EVEN, 3.0) == 1
    assert hindsight(contests, EVEN, 11.1) == 2


def test_no_policy_beats_the_informed_bound() -> None:
    contests = [draw_contest(POOL, 10, ProblemOrder.RANDOM, 0, index) for index in range(20)]
    for total in (100.0, 400.0, 4000.0):
        bound = informed(POOL, SHARED, 10, total)
        for name in ("fixed", "adaptive"):
            policy = make_policy(name, {}, Workload(POOL.rollout_tokens, SHARED))
            solved = [run_contest(one, policy, SHARED, total).solved for one in contests]
            assert sum(solved) / len(solved) <= bound + 1.0  # Of 10, in 20 contests: the draw's own noise.


# Studies


def test_a_study_compares_every_policy_with_the_first() -> None:
    plan = StudyPlan(POOL, SHARED, ("fixed", "adaptive", "table"), (300.0,), contests=12, problems=6)
    advanced: list[int] = []
    fixed, adaptive, _ = run_study(plan, advanced.append)
    assert sum(advanced) == 36
    assert (fixed.vs_first.difference, fixed.vs_first.se) == (0.0, 0.0)
    assert adaptive.vs_first.difference == pytest.approx(adaptive.solved_mean - fixed.solved_mean)
    assert fixed.bound == adaptive.bound
    assert 0 <= adaptive.worst_5_percent <= adaptive.solved_mean <= 6


def test_peers_seconds_are_scaled_to_the_budget() -> None:
    plan = StudyPlan(POOL, SHARED, ("nemoskills",), (300.0,), problems=6)
    assert plan.policy("nemoskills", 300.0).base_seconds == pytest.approx(350.0 * 50.0 / 360.0)  # type: ignore[attr-defined]


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_that_is_none_is_refused(budget: float) -> None:
    with pytest.raises(InputError, match="budget-seconds must be positive"):
        StudyPlan(POOL, SHARED, ("fixed",), (budget,))


def test_an_unknown_policy_is_refused_before_anything_is_played() -> None:
    with pytest.raises(InputError, match="policy must be one of"):
        StudyPlan(POOL, SHARED, ("greedy",), (300.0,))
