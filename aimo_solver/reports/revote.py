"""Revote: what another vote rule would have answered with the same rollouts, without generating again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from aimo_solver.config.names import TieBreak, VoteName
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import ANY_INTEGER, AnswerRule
from aimo_solver.reports.compare import compare
from aimo_solver.runs.summary import summarise
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.statistics import Estimate
from aimo_solver.voting import VOTE_RULES, Vote, VoteRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Revote:
    """The figures of one rule over a run."""

    name: str
    description: str
    correct: int
    judged: int
    majority: Estimate | None
    difference: Estimate | None
    """To plurality, paired; None for plurality itself and where no gold answer is known."""
    words: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def recast(
    solutions: Sequence[Solution],
    rule: VoteRule,
    tie_break: TieBreak = TieBreak.FIRST_ROLLOUT,
    accepted: AnswerRule = ANY_INTEGER,
) -> list[Solution]:
    """Returns the solutions with that rule's votes; where no rollout answered, the fallback stands.

    `accepted`: the contest's answer rule. Raises InputError when the rollouts do not hold what the rule needs, or the
    rule fails on them.
    """
    _require_logged(solutions, rule)
    cast = [(solution, _cast(solution, rule, tie_break, accepted)) for solution in solutions]
    return [
        replace(solution, vote=vote, answer=solution.answer if vote.answer is None else vote.answer, selection=None)
        for solution, vote in cast
    ]


def _cast(solution: Solution, rule: VoteRule, tie_break: TieBreak, accepted: AnswerRule) -> Vote:
    finished = sorted(solution.trajectories, key=lambda one: (one.started_seconds + one.seconds, one.rollout))
    try:
        return rule.cast(finished, tie_break, accepted)
    except Exception as error:
        raise InputError(
            f"vote {rule.name} failed on {solution.problem.id} ({type(error).__name__}: {error})"
        ) from error


def revote(
    solutions: Sequence[Solution],
    rule: VoteRule,
    tie_break: TieBreak = TieBreak.FIRST_ROLLOUT,
    accepted: AnswerRule = ANY_INTEGER,
) -> Revote:
    """Returns the rule's figures, and its difference to plurality. Raises InputError as `recast` does."""
    plurality = VOTE_RULES[VoteName.PLURALITY]
    mine = recast(solutions, rule, tie_break, accepted)
    summary = summarise(mine)
    comparison = None
    if rule is not plurality and summary.with_gold:
        comparison = compare(recast(solutions, plurality, tie_break, accepted), mine)
    return Revote(
        name=rule.name,
        description=rule.description,
        correct=summary.correct,
        judged=summary.with_gold,
        majority=summary.majority,
        difference=None if comparison is None else comparison.difference,
        words="" if comparison is None else comparison.words,
    )


def _require_logged(solutions: Sequence[Solution], rule: VoteRule) -> None:
    voters = [t for solution in solutions for t in solution.trajectories if t.answer is not None]
    if rule.needs_logprobs and not any(turn.confidences for voter in voters for turn in voter.turns):
        raise InputError(
            f"vote {rule.name} needs log-probabilities; replay with logprobs = 20 in the preset's [rollout]"
        )
    if rule.needs_scores and all(voter.score is None for voter in voters):
        raise InputError(f"vote {rule.name} needs a scorer's values; replay with a preset that searches")
