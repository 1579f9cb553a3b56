"""VoteCounter: counts the votes of a problem's rollouts by a rule, and by plurality where the rule fails.

Guarantees: an error in a rule costs that rule's vote, with a line in the log, and never an answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from aimo_solver.config.names import TieBreak, VoteName
from aimo_solver.problems.problem import ANY_INTEGER, AnswerRule
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.utils.contained import CONTAINABLE, describe
from aimo_solver.utils.log import Log, unbreakable
from aimo_solver.voting.rules import VOTE_RULES, VoteRule
from aimo_solver.voting.vote import Vote, plurality


class VoteCounter:
    """Counts the votes of one problem after another."""

    def __init__(
        self,
        rule: VoteRule = VOTE_RULES[VoteName.PLURALITY],
        *,
        tie_break: TieBreak = TieBreak.FIRST_ROLLOUT,
        accepted: AnswerRule = ANY_INTEGER,
        log: Log = lambda line: None,
    ) -> None:
        """`accepted`: the contest's rule, by which numbers that programs printed are read."""
        self._rule, self._tie_break, self._accepted = rule, tie_break, accepted
        self._log = unbreakable(log)
        self._failed_on: tuple[int, str] | None = None
        """The run and problem on which the rule failed last."""

    def cast(self, trajectories: Sequence[Trajectory]) -> Vote:
        """Returns the vote. `trajectories` in the order they finished."""
        try:
            return self._rule.cast(trajectories, self._tie_break, self._accepted)
        except CONTAINABLE as error:  # A rule must not cost the answer.
            self._report(error, trajectories[0])
            return plurality(trajectories, tie_break=self._tie_break)

    def settled(self, trajectories: Sequence[Trajectory], to_come: int) -> int | None:
        """Returns the answer that wins whatever `to_come` more rollouts answer; None where none is known to."""
        try:
            return self._rule.settled(trajectories, to_come, self._accepted)
        except CONTAINABLE as error:  # A rule must not cost the answer.
            self._report(error, trajectories[0])
            return None

    def _report(self, error: BaseException, voter: Trajectory) -> None:
        problem = voter.run, voter.problem_id
        if self._failed_on != problem:
            self._failed_on = problem
            self._log(f"{voter.problem_id}: vote {self._rule.name} failed ({describe(error)}); plurality decides")
