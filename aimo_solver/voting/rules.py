"""Vote rules by name: the weight of each rollout's vote, computed from the trajectories alone.

Every rule is a pure function of logged trajectories, so that `aimo revote` can compare them on a
finished run. A group is the rollouts of one problem; a trajectory without an answer weighs nothing,
whatever the rule says.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import chain
from typing import Final

from aimo_solver.config.names import TieBreak, VoteName, find_name
from aimo_solver.rollouts.confidence import bottom_confidence, tail_confidence
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.voting.top_scored import top_scored
from aimo_solver.voting.vote import Vote, plurality

Weigh = Callable[[Sequence[Trajectory]], Sequence[float]]

ENTROPY_FLOOR: Final = 0.25
"""As a share of the group's median: a lower entropy counts as this, so that one outlier cannot win."""
CODE_WEIGHT: Final = 2.0
SMALL_OR_ROUND_WEIGHT: Final = 0.6
SCORE_FLOOR: Final = 1e-3
_SMALL: Final = 10
_ROUND: Final = 100
_INTEGER: Final = re.compile(r"-?\d+")


@dataclass(frozen=True, slots=True)
class VoteRule:
    """One way to weigh votes."""

    name: VoteName
    description: str
    weigh: Weigh
    """Returns the weights of a group's rollouts, in their order."""
    _: KW_ONLY
    needs_logprobs: bool = False
    needs_scores: bool = False

    def cast(self, trajectories: Sequence[Trajectory], tie_break: TieBreak = TieBreak.FIRST_ROLLOUT) -> Vote:
        """Returns the group's vote. `trajectories` in the order they finished."""
        voters = [trajectory for trajectory in trajectories if trajectory.answer is not None]
        weights = dict(zip((voter.key for voter in voters), self.weigh(voters), strict=True))
        return plurality(trajectories, lambda voter: weights[voter.key], tie_break)


def _equal(voters: Sequence[Trajectory]) -> list[float]:
    return [1.0] * len(voters)


def _by_entropy(voters: Sequence[Trajectory]) -> list[float]:
    means = [_mean(_of_turns(voter, "entropies")) for voter in voters]
    known = [mean for mean in means if mean is not None]
    floor = max(ENTROPY_FLOOR * statistics.median(known), 1e-6) if known else 1.0
    return [0.0 if mean is None else 1.0 / max(mean, floor) for mean in means]


def _by_confidence(measure: Callable[[Sequence[float]], float], kept_share: float) -> Weigh:
    """Weighs the most confident share of the voters by confidence, the others with nothing."""

    def weigh(voters: Sequence[Trajectory]) -> list[float]:
        values = [measure(_of_turns(voter, "confidences")) for voter in voters]
        kept = math.ceil(kept_share * len(values))
        lowest = sorted(values, reverse=True)[kept - 1] if kept else math.inf
        return [value if value >= lowest else 0.0 for value in values]

    return weigh


def _by_code(voters: Sequence[Trajectory]) -> list[float]:
    return [CODE_WEIGHT if _code_agrees(voter) else 1.0 for voter in voters]


def _code_agrees(voter: Trajectory) -> bool:
    """Whether the last program that ran printed the answer."""
    ran = [turn.output or "" for turn in voter.turns if turn.status is ExecutionStatus.OK]
    return bool(ran) and voter.answer in {int(number) for number in _INTEGER.findall(ran[-1])}


def _by_imagination(voters: Sequence[Trajectory]) -> list[float]:
    """Prefers code to text, and weighs small or round answers less: guesses tend to be such."""
    code = _by_code(voters)
    return [weight * _doubt(voter.answer) for weight, voter in zip(code, voters, strict=True)]


def _doubt(answer: int | None) -> float:
    guessed = answer is not None and (abs(answer) < _SMALL or answer % _ROUND == 0)
    return SMALL_OR_ROUND_WEIGHT if guessed else 1.0


def _short(voters: Sequence[Trajectory]) -> list[float]:
    return [1.0 / max(1, voter.tokens) for voter in voters]


def _long(voters: Sequence[Trajectory]) -> list[float]:
    return [float(voter.tokens) for voter in voters]


def _by_score(voters: Sequence[Trajectory]) -> list[float]:
    """Maps scores from [-1, 1] to [0, 1]; a missing score counts as the worst. Equal weights if all are missing."""
    if all(voter.score is None for voter in voters):
        return _equal(voters)
    return [SCORE_FLOOR if voter.score is None else max(SCORE_FLOOR, (1.0 + voter.score) / 2) for voter in voters]


def _top_scored(voters: Sequence[Trajectory]) -> list[float]:
    """One vote for each rollout of the better half; for every rollout if there is no score."""
    if all(voter.score is None for voter in voters):
        return _equal(voters)
    kept = {voter.key for voter in top_scored(voters, math.ceil(len(voters) / 2))}
    return [float(voter.key in kept) for voter in voters]


def _of_turns(voter: Trajectory, name: str) -> list[float]:
    return list(chain.from_iterable(getattr(turn, name) or () for turn in voter.turns))


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


VOTE_RULES: Final[Mapping[VoteName, VoteRule]] = {
    rule.name: rule
    for rule in (
        VoteRule(VoteName.PLURALITY, "one rollout, one vote (Numina, NVIDIA)", _equal),
        VoteRule(
            VoteName.ENTROPY,
            "1 / mean entropy (public AIMO3 kernel), outliers capped",
            _by_entropy,
            needs_logprobs=True,
        ),
        VoteRule(
            VoteName.DEEPCONF_HIGH,
            "bottom-10 % group confidence, the most confident 90 % vote (arXiv 2508.15260)",
            _by_confidence(bottom_confidence, 0.9),
            needs_logprobs=True,
        ),
        VoteRule(
            VoteName.DEEPCONF_LOW,
            "the same, the most confident 10 % vote",
            _by_confidence(bottom_confidence, 0.1),
            needs_logprobs=True,
        ),
        VoteRule(
            VoteName.DEEPCONF_TAIL,
            "confidence of the last window, the most confident 90 % vote",
            _by_confidence(tail_confidence, 0.9),
            needs_logprobs=True,
        ),
        VoteRule(VoteName.CODE, "double if the last program printed the answer", _by_code),
        VoteRule(
            VoteName.IMAGINATION, "code double, small and round answers x 0.6 (imagination-research)", _by_imagination
        ),
        VoteRule(VoteName.SHORT, "1 / tokens", _short),
        VoteRule(VoteName.LONG, "tokens", _long),
        VoteRule(VoteName.SCORE, "the scorer's value of each rollout", _by_score, needs_scores=True),
        VoteRule(
            VoteName.TOP_SCORED, "the better half by score, one vote each (rStar-Math)", _top_scored, needs_scores=True
        ),
    )
}


def find_vote_rule(name: str) -> VoteRule:
    """Returns the rule of this name. Raises InputError, which lists the names there are."""
    return VOTE_RULES[find_name(VoteName, name, "vote")]
