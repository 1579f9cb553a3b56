"""Settled votes: a winner that is said to be certain stays the winner, whatever the other rollouts answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.config.names import TieBreak, VoteName
from aimo_solver.problems.problem import AnswerRule
from aimo_solver.rollouts.trajectory import Trajectory, Turn
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.voting import VOTE_RULES, VoteRule
from tests.helpers.examples import rollouts, trajectory

BOUNDED = [rule for rule in VOTE_RULES.values() if rule.bound is not None]
MODULUS = AnswerRule("modulus", minimum=0, modulus=10)


@dataclass(frozen=True)
class Said:
    """What a rollout may be like, as far as any rule looks."""

    answer: int | None
    values: tuple[float, ...]
    output: str | None
    tokens: int
    score: float | None

    def at(self, rollout: int) -> Trajectory:
        status = None if self.output is None else ExecutionStatus.OK
        turn = Turn(
            "text", self.tokens, 1.0, output=self.output, status=status, entropies=self.values, confidences=self.values
        )
        return replace(trajectory(self.answer, rollout, turns=(turn,)), score=self.score)


ENTROPIES = st.one_of(st.floats(0, 5), st.sampled_from([0.0, 1e-9, 1e9]))
SAID = st.builds(
    Said,
    answer=st.one_of(st.none(), st.integers(0, 3), st.just(100)),
    values=st.lists(ENTROPIES, max_size=2).map(tuple),
    output=st.one_of(st.none(), st.sampled_from(["0", "1", "12", "2 and 3", "100"])),
    tokens=st.integers(0, 50),
    score=st.one_of(st.none(), st.floats(-1, 1)),
)
LEADERS = st.builds(replace, SAID, answer=st.just(1))
"""Votes are settled only where one answer has most of them."""


@pytest.mark.parametrize("rule", BOUNDED, ids=lambda rule: rule.name)
@settings(max_examples=150)
@given(
    st.sampled_from(TieBreak),
    st.lists(LEADERS, max_size=8),
    st.lists(SAID, max_size=4),
    st.lists(SAID, max_size=5),
    st.integers(0, 3),
    st.data(),
)
def test_no_settled_vote_is_ever_overturned(
    rule: VoteRule,
    tie_break: TieBreak,
    leaders: list[Said],
    others: list[Said],
    to_come: list[Said],
    silent: int,
    data: st.DataObject,
) -> None:
    said = [*leaders, *others, *to_come]
    indices = data.draw(st.permutations(range(len(said))))
    finished = [one.at(index) for one, index in zip(said, indices, strict=True)]
    ended = finished[: len(leaders) + len(others)]
    winner = rule.settled(ended, len(to_come) + silent, MODULUS)
    if winner is not None:
        assert rule.cast(ended, tie_break, MODULUS).answer == winner
        assert rule.cast(finished, tie_break, MODULUS).answer == winner


@pytest.mark.parametrize("rule", BOUNDED, ids=lambda rule: rule.name)
def test_a_bounded_rule_settles_a_vote_that_is_far_ahead(rule: VoteRule) -> None:
    said = Said(answer=421, values=(0.5,), output="421", tokens=1, score=0.5)
    assert rule.settled([said.at(index) for index in range(24)], 1) == 421


def test_the_rules_without_a_bound_settle_nothing() -> None:
    unbounded = [name for name, rule in VOTE_RULES.items() if rule.bound is None]
    assert unbounded == [VoteName.DEEPCONF_HIGH, VoteName.DEEPCONF_LOW, VoteName.DEEPCONF_TAIL, VoteName.LONG]
    voters = [Said(answer=421, values=(0.5,), output=None, tokens=1, score=None).at(index) for index in range(24)]
    assert all(VOTE_RULES[name].settled(voters, 1) is None for name in unbounded)


@pytest.mark.parametrize(("against", "to_come", "winner"), [(0, 3, 1), (0, 4, None), (2, 1, 1), (2, 2, None)])
def test_plurality_is_settled_by_a_lead_greater_than_what_is_to_come(
    against: int, to_come: int, winner: int | None
) -> None:
    voters = rollouts(1, 1, 1, 1, *[2] * against)
    assert VOTE_RULES[VoteName.PLURALITY].settled(voters, to_come) == winner


def test_a_vote_whose_weights_may_double_needs_twice_the_lead() -> None:
    voters = rollouts(421, 421, 421)
    assert VOTE_RULES[VoteName.PLURALITY].settled(voters, 2) == 421
    assert VOTE_RULES[VoteName.CODE].settled(voters, 2) is None
    assert VOTE_RULES[VoteName.CODE].settled(voters, 1) == 421


def test_entropies_to_come_may_lower_the_floor_under_the_weights() -> None:
    unsure, sure = Said(1, (1.0,), None, 1, None), Said(2, (0.01,), None, 1, None)
    voters = [unsure.at(0), unsure.at(1), unsure.at(2), unsure.at(3)]
    rule = VOTE_RULES[VoteName.ENTROPY]
    assert rule.settled(voters, 2) is None
    assert rule.cast([*voters, sure.at(4), sure.at(5)]).answer == 2


def test_nothing_is_settled_before_the_first_answer() -> None:
    assert all(rule.settled(rollouts(None, None), to_come=0) is None for rule in VOTE_RULES.values())
