"""Solver: groups of rollouts, early stop, votes, deadlines."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from aimo_solver.config.policy_settings import NemoSkillsSettings
from aimo_solver.config.settings import RolloutSettings
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply, ScriptedEngine
from aimo_solver.engine.supervised import SupervisedEngine
from aimo_solver.policies.adjusted import AdjustedPolicy
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.policies.policy import Policy
from aimo_solver.rollouts.engine_rollouts import EngineRollouts
from aimo_solver.rollouts.parts import RolloutParts
from aimo_solver.rollouts.trajectory import StopReason, Trajectory
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.solver.observer import Observer
from aimo_solver.solver.solution import Solution
from aimo_solver.solver.solver import GRACE_SECONDS, Solver
from aimo_solver.voting import Vote
from tests.helpers.contests import AIMO3
from tests.helpers.fakes import PROBLEM, TOKENIZER, SolverHarness, boxed, code

SETTINGS = RolloutSettings(max_tokens=400, flush_seconds=2.0)


def policy(*, early_stop: bool = True, **settings: Any) -> Policy:
    chosen = replace(NemoSkillsSettings(rollouts=8, concurrent=8, base_seconds=60.0), **settings)
    return AdjustedPolicy(NemoSkillsPolicy(chosen), early_stop=early_stop)


def by_arrival(*turns: Reply) -> SolverHarness:
    """A harness whose n-th request gets the n-th reply."""
    script = iter(turns)

    def reply(text: str, sampling: Sampling) -> Reply:
        return next(script)

    return SolverHarness(reply, SETTINGS)


def solve(turns: list[Reply], **settings: Any) -> Solution:
    async def story() -> Solution:
        harness = by_arrival(*turns)
        harness.policy = policy(rollouts=len(turns), concurrent=len(turns)) if not settings else policy(**settings)
        solution = await harness.solve()
        assert not harness.engine.active_requests
        return solution

    return run_virtual(story())


def after(seconds: float, answer: object) -> Reply:
    """An answer that arrives in one piece after this many seconds."""
    return Reply(boxed(answer), tokens_per_chunk=1000, seconds_per_chunk=seconds)


def test_the_plurality_is_the_answer() -> None:
    solution = solve([after(1, 7), after(2, 42), after(3, 42)])
    assert solution.answer == 42
    assert solution.correct


def test_consensus_cancels_remaining_rollouts() -> None:
    solution = solve([after(1, 42), after(1, 42), after(2, 7), after(3, 42), after(4, 42), *[after(50, 7)] * 3])
    reasons = [trajectory.stop_reason for trajectory in solution.trajectories]
    assert reasons.count(StopReason.CANCELLED) == 3
    assert solution.seconds < 10
    assert solution.stop == "4 of the first 5 answers are 42"


def test_stragglers_are_not_waited_for_when_five_sixths_have_finished() -> None:
    turns = [*[after(i, 100 + i // 2) for i in range(1, 11)], after(50, 1), after(50, 1)]
    solution = solve(turns, rollouts=12, concurrent=12)
    assert solution.stop == "10 of 12 rollouts have finished"


def test_a_leader_that_cannot_be_caught_ends_the_problem() -> None:
    solution = solve([after(1, 42), after(2, 42), after(3, 42), after(50, 7)], rollouts=4, concurrent=4)
    assert solution.stop == "42 cannot be caught"


def test_without_early_stop_every_rollout_ends_by_itself() -> None:
    solution = solve([*[after(1, 42)] * 5, *[after(50, 7)] * 3], rollouts=8, concurrent=8, early_stop=False)
    assert solution.vote.answered == 8


def test_no_more_rollouts_run_at_once_than_granted() -> None:
    solution = solve([after(1, n) for n in range(4)], rollouts=4, concurrent=2, early_stop=False)
    assert [trajectory.started_seconds for trajectory in solution.trajectories] == [0.0, 0.0, 1.0, 1.0]


def test_no_vote_gives_the_fallback_inside_the_rule() -> None:
    async def story() -> Solution:
        harness = SolverHarness(lambda text, sampling: Reply("no idea"), rule=AIMO3)
        return await harness.solve()

    solution = run_virtual(story())
    assert (solution.answer, solution.vote.answer) == (AIMO3.fallback, None)


def test_a_wedged_engine_ends_a_problem_at_its_deadline() -> None:
    solution = solve([Reply("x", hangs_after_tokens=0)] * 4, rollouts=4, concurrent=4)
    assert solution.seconds <= 60.0 + GRACE_SECONDS
    assert {trajectory.stop_reason for trajectory in solution.trajectories} == {StopReason.DEADLINE}


def test_a_problem_is_answered_though_its_engine_dies() -> None:
    async def story() -> Solution:
        deaths = iter([5])

        def reply(text: str, sampling: Sampling) -> Reply:
            return Reply(boxed(42).removeprefix(text), tokens_per_chunk=1, dies_after_tokens=next(deaths, None))

        harness = SolverHarness(reply, SETTINGS)
        supervised = SupervisedEngine(lambda: harness.engine, log=lambda line: None)
        await supervised.start()
        try:
            return await harness.solve(engine=supervised)
        finally:
            await supervised.stop()

    solution = run_virtual(story())
    assert solution.answer == 42
    assert StopReason.ENGINE_FAILED not in {trajectory.stop_reason for trajectory in solution.trajectories}


def solve_with_a_restart(*, total_seconds: float) -> Solution:
    """60 s are granted; the engine dies at once and takes 100 s to restart."""

    async def story() -> Solution:
        deaths, starts = iter([5]), iter([0.0, 100.0])

        def reply(text: str, sampling: Sampling) -> Reply:
            return Reply(boxed(42).removeprefix(text), tokens_per_chunk=1, dies_after_tokens=next(deaths, None))

        def make_engine() -> ScriptedEngine:
            return ScriptedEngine(harness.answer, tokenizer=TOKENIZER, start_seconds=next(starts))

        harness = SolverHarness(reply, SETTINGS)
        supervised = SupervisedEngine(make_engine, log=lambda line: None)
        await supervised.start()
        try:
            return await harness.solve(engine=supervised, total_seconds=total_seconds)
        finally:
            await supervised.stop()

    return run_virtual(story())


def test_an_engine_restart_extends_the_deadline() -> None:
    solution = solve_with_a_restart(total_seconds=1000)
    assert solution.answer == 42
    assert solution.seconds > 100


def test_a_restart_takes_no_more_than_half_of_what_is_left_for_others() -> None:
    solution = solve_with_a_restart(total_seconds=80)
    assert solution.vote.answer is None
    assert solution.seconds <= 60 + (80 - 60) / 2 + GRACE_SECONDS


def test_the_same_seeds_give_the_same_trajectories() -> None:
    def seeded(text: str, sampling: Sampling) -> Reply:
        assert sampling.seed is not None
        if "```output" in text:
            return Reply(boxed(sampling.seed % 3))
        return Reply(code(f"print({sampling.seed} % 3)"), tokens_per_chunk=1 + sampling.seed % 5)

    def texts(seed: int) -> list[list[str]]:
        async def story() -> Solution:
            return await SolverHarness(seeded, SETTINGS, policy(early_stop=False), seed=seed).solve()

        return [[turn.text for turn in trajectory.turns] for trajectory in run_virtual(story()).trajectories]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)


def test_every_rollout_has_its_own_seed() -> None:
    solution = solve([after(1, n) for n in range(8)], rollouts=8, concurrent=8, early_stop=False)
    assert len({trajectory.seed for trajectory in solution.trajectories}) == 8


def test_the_provisional_answer_follows_the_votes() -> None:
    async def story() -> list[int | None]:
        seen: list[int | None] = []

        class Watch(Observer):
            def rollout_finished(self, trajectory: Trajectory, vote: Vote) -> None:
                seen.append(vote.answer)

        harness = by_arrival(after(1, 7), after(2, 42), after(3, 42), after(50, 1))
        harness.observer = Watch()
        await harness.solve()
        return seen[:3]

    assert run_virtual(story()) == [7, 7, 42]


def test_cancelling_a_problem_frees_engine_and_sandbox() -> None:
    async def story() -> SolverHarness:
        harness = SolverHarness(lambda text, sampling: Reply("x" * 300, seconds_per_chunk=1.0), SETTINGS)
        task = asyncio.create_task(harness.solve())
        await asyncio.sleep(3.0)
        task.cancel()
        await asyncio.wait({task})
        return harness

    harness = run_virtual(story())
    assert not harness.engine.active_requests
    assert harness.sandbox.open_sessions == 0


def test_the_time_an_answer_is_due_is_known_while_a_problem_is_solved() -> None:
    async def story() -> tuple[float | None, float | None, float | None]:
        harness = by_arrival(after(5, 42))
        await harness.engine.start()
        rollouts = EngineRollouts(
            RolloutParts(
                engine=harness.engine,
                sandbox=harness.sandbox,
                dialect=harness.dialect,
                settings=SETTINGS,
                rule=harness.rule,
                observer=harness.observer,
            )
        )
        solver = Solver(rollouts=rollouts, policy=policy(rollouts=1, concurrent=1), rule=harness.rule)
        now = asyncio.get_running_loop().time()
        before = solver.answer_by
        solving = asyncio.create_task(solver.solve(PROBLEM, Ledger(now, 1000.0, problems_left=1)))
        await asyncio.sleep(1)
        within = None if solver.answer_by is None else solver.answer_by - now
        await solving
        return before, within, solver.answer_by

    assert run_virtual(story()) == (None, 60.0 + 2 * GRACE_SECONDS, None)


def test_a_problem_takes_no_more_tokens_than_granted() -> None:
    async def story() -> Solution:
        harness = SolverHarness(
            lambda text, sampling: Reply("x" * 60 + boxed(42)), policy=policy(rollouts=8, concurrent=2)
        )
        harness.policy = AdjustedPolicy(harness.policy, max_tokens=200, early_stop=False)
        return await harness.solve()

    solution = run_virtual(story())
    ended = [t for t in solution.trajectories if t.stop_reason is StopReason.ANSWERED]
    assert solution.stop == "the tokens granted are used up" and solution.answer == 42
    assert len(ended) == 2 and 200 <= solution.tokens <= 216  # At most one more chunk per stream.


def test_a_rollout_that_takes_exactly_what_was_granted_keeps_its_answer() -> None:
    async def story(tokens: int) -> Solution:
        harness = SolverHarness(
            lambda text, sampling: Reply("x" * 60 + boxed(42)), policy=policy(rollouts=2, concurrent=1)
        )
        harness.policy = AdjustedPolicy(harness.policy, max_tokens=tokens, early_stop=False)
        return await harness.solve()

    needed = run_virtual(story(10_000)).trajectories[0].tokens
    solution = run_virtual(story(needed))
    assert (solution.answer, len(solution.trajectories)) == (42, 1)
    assert solution.stop == "the tokens granted are used up"
