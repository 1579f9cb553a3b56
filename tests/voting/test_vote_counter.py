"""VoteCounter: an error in a vote rule costs that rule, and never an answer."""

from __future__ import annotations

from collections.abc import Sequence

from aimo_solver.config.names import TieBreak, VoteName
from aimo_solver.problems.problem import AnswerRule
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.voting import VOTE_RULES, VoteCounter, VoteRule
from aimo_solver.voting.weight_bounds import fixed
from tests.helpers.examples import rollouts, trajectory


def raising(voters: Sequence[Trajectory], accepted: AnswerRule) -> list[float]:
    raise ZeroDivisionError("no tokens")


BROKEN = VoteRule(VoteName.SHORT, "raises", raising, bound=fixed(1.0))


def test_where_a_rule_fails_plurality_decides() -> None:
    lines: list[str] = []
    vote = VoteCounter(BROKEN, log=lines.append).cast(rollouts(7, 42, 42))
    assert (vote.answer, vote.tally) == (42, ((42, 2.0), (7, 1.0)))
    assert lines == ["p1: vote short failed (ZeroDivisionError: no tokens); plurality decides"]


def test_where_a_rule_fails_nothing_is_settled() -> None:
    assert VoteCounter(BROKEN).settled(rollouts(42, 42, 42), 1) is None


def test_a_failure_is_logged_once_per_problem() -> None:
    lines: list[str] = []
    votes = VoteCounter(BROKEN, log=lines.append)
    for problem_id in ("p1", "p1", "p2"):
        votes.cast([trajectory(42, problem_id=problem_id)])
        votes.settled([trajectory(42, problem_id=problem_id)], 3)
    assert [line[:2] for line in lines] == ["p1", "p2"]


def test_a_log_that_cannot_be_written_does_not_cost_the_vote() -> None:
    def broken(line: str) -> None:
        raise OSError("no space left")

    assert VoteCounter(BROKEN, log=broken).cast(rollouts(42)).answer == 42


def test_the_tie_break_holds_where_a_rule_fails() -> None:
    first, second = rollouts(7, 42)
    assert VoteCounter(BROKEN, tie_break=TieBreak.FIRST_FINISHED).cast([second, first]).answer == 42


def test_a_rule_that_works_decides() -> None:
    voters = (trajectory(7, 0, tokens=10), trajectory(42, 1, tokens=90))
    assert VoteCounter(VOTE_RULES[VoteName.SHORT]).cast(voters).answer == 7
    assert VoteCounter(VOTE_RULES[VoteName.LONG]).cast(voters).answer == 42
