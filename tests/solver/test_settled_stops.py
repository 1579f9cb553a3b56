"""Stops by "cannot be caught", through the solver: the winner is that of the full vote, by every rule and tie break."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.config.names import StoppingRuleName, TieBreak, VoteName
from aimo_solver.config.policy_settings import FixedSettings
from aimo_solver.policies.fixed import FixedPolicy
from aimo_solver.policies.ledger import Ledger
from aimo_solver.problems.problem import ANY_INTEGER
from aimo_solver.rollouts.base import RolloutTask
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.solver.solution import Solution
from aimo_solver.solver.solver import Solver
from aimo_solver.voting import VOTE_RULES, VoteCounter, VoteRule
from tests.helpers.examples import trajectory
from tests.helpers.fakes import PROBLEM


@dataclass(frozen=True)
class Timed:
    """A rollout that ends after some seconds."""

    answer: int | None
    seconds: int
    entropy: float
    output: str | None
    score: float | None

    def at(self, rollout: int) -> Trajectory:
        status = None if self.output is None else ExecutionStatus.OK
        turn = Turn("text", self.seconds, 1.0, output=self.output, status=status, entropies=(self.entropy,))
        return replace(trajectory(self.answer, rollout, turns=(turn,)), score=self.score)


@dataclass(frozen=True)
class TimedRollout:
    """A live rollout that takes its time and leaves its trajectory."""

    task: RolloutTask
    timed: Timed
    tokens: int = 0

    async def run(self) -> Trajectory:
        await asyncio.sleep(self.timed.seconds)
        return self.timed.at(self.task.index)

    def cancelled(self) -> Trajectory:
        return replace(self.timed.at(self.task.index), answer=None, stop_reason=StopReason.CANCELLED)


@dataclass(frozen=True)
class TimedRollouts:
    """A source of them."""

    timed: Sequence[Timed]
    lost_seconds: float = 0.0

    def open(self, task: RolloutTask) -> TimedRollout:
        return TimedRollout(task, self.timed[task.index])


def solve(timed: Sequence[Timed], rule: VoteRule, tie_break: TieBreak, stop: StoppingRuleName | None) -> Solution:
    async def story() -> Solution:
        fixed = FixedSettings(rollouts=len(timed), concurrent=3, stop=stop)
        votes = VoteCounter(rule, tie_break=tie_break)
        solver = Solver(rollouts=TimedRollouts(timed), policy=FixedPolicy(fixed), rule=ANY_INTEGER, votes=votes)
        return await solver.solve(PROBLEM, Ledger(asyncio.get_running_loop().time(), 1000.0, problems_left=1))

    return run_virtual(story())


TIMED = st.builds(
    Timed,
    answer=st.sampled_from([1, 1, 1, 2, 300, None]),
    seconds=st.integers(1, 20),
    entropy=st.floats(0, 3),
    output=st.sampled_from([None, "1", "2", "300"]),
    score=st.one_of(st.none(), st.floats(-1, 1)),
)


@pytest.mark.parametrize("rule", VOTE_RULES.values(), ids=lambda rule: rule.name)
@settings(max_examples=30)
@given(st.lists(TIMED, min_size=1, max_size=10), st.sampled_from(TieBreak))
def test_the_winner_is_that_of_the_full_vote(rule: VoteRule, timed: list[Timed], tie_break: TieBreak) -> None:
    stopped = solve(timed, rule, tie_break, StoppingRuleName.CANNOT_BE_CAUGHT)
    assert stopped.answer == solve(timed, rule, tie_break, None).answer


def test_a_vote_by_weight_is_not_stopped_by_the_number_of_votes() -> None:
    unsure, sure = Timed(1, 1, 3.0, None, None), Timed(2, 9, 0.1, None, None)
    rule = VOTE_RULES[VoteName.ENTROPY]
    stopped = solve([unsure, unsure, sure], rule, TieBreak.FIRST_ROLLOUT, StoppingRuleName.CANNOT_BE_CAUGHT)
    assert (stopped.answer, stopped.stop) == (2, "all rollouts have ended")
