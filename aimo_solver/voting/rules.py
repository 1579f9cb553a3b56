"""Vote rules by name: the weight of each rollout's vote, computed from the trajectories alone.

Every rule is a pure function of logged trajectories and the contest's answer rule, so that `aimo revote` can
compare them on a finished run. A group is the rollouts of one problem; a trajectory without an answer
weighs nothing, whatever the rule says. A rule with a bound knows when a vote is settled.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import chain
from typing import Final

from aimo_solver.config.names import TieBreak, VoteName, find_name
from aimo_solver.problems.printed import printed_integers
from aimo_solver.problems.problem import ANY_INTEGER, AnswerRule
from aimo_solver.rollouts.confidence import bottom_confidence, tail_confidence
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.voting.top_scored import score_rank, top_scored
from aimo_solver.voting.vote import Vote, plurality
from aimo_solver.voting.weight_bounds import Bound, WeightBounds, fixed, settled_answer

Weigh = Callable[[Sequence[Trajectory], AnswerRule], Sequence[float]]

ENTROPY_FLOOR: Final = 0.25
"""As a share of the group's median: a lower entropy counts as this, so that one outlier cannot win."""
MIN_ENTROPY: Final = 1e-6
CODE_WEIGHT: Final = 2.0
SMALL_OR_ROUND_WEIGHT: Final = 0.6
SCORE_FLOOR: Final = 1e-3
_SMALL: Final = 10
_ROUND: Final = 100


@dataclass(frozen=True, slots=True)
class VoteRule:
    """One way to weigh votes."""

    name: VoteName
    description: str
    weigh: Weigh
    """Returns the weights of a group's rollouts, in their order."""
    _: KW_ONLY
    bound: Bound | None = None
    """How far the weights can still change; None where a rollout to come may weigh anything."""
    needs_logprobs: bool = False
    needs_scores: bool = False

    def cast(
        self,
        trajectories: Sequence[Trajectory],
        tie_break: TieBreak = TieBreak.FIRST_ROLLOUT,
        accepted: AnswerRule = ANY_INTEGER,
    ) -> Vote:
        """Returns the group's vote. `trajectories` in the order they finished."""
        voters = _voters(trajectories)
        weights = dict(zip((voter.key for voter in voters), self.weigh(voters, accepted), strict=True))
        return plurality(trajectories, lambda voter: weights[voter.key], tie_break)

    def settled(
        self, trajectories: Sequence[Trajectory], to_come: int, accepted: AnswerRule = ANY_INTEGER
    ) -> int | None:
        """Returns the answer that wins whatever `to_come` more rollouts answer; None where none is known to."""
        voters = _voters(trajectories)
        if self.bound is None or not voters:
            return None
        return settled_answer(voters, self.bound(voters, self.weigh(voters, accepted), to_come), to_come)


def _voters(trajectories: Sequence[Trajectory]) -> list[Trajectory]:
    return [trajectory for trajectory in trajectories if trajectory.answer is not None]


def _equal(voters: Sequence[Trajectory], accepted: AnswerRule) -> list[float]:
    return [1.0] * len(voters)


def _by_entropy(voters: Sequence[Trajectory], accepted: AnswerRule) -> list[float]:
    means = _mean_entropies(voters)
    known = [mean for mean in means if mean is not None]
    return _entropy_weights(means, _entropy_floor(known))


def _entropy_bound(voters: Sequence[Trajectory], weights: Sequence[float], to_come: int) -> WeightBounds:
    """The rollouts to come may move the median, and with it the floor, between what it is with all of them low or high.

    At the low floor every weight is at its highest, and at the high floor at its lowest.
    """
    means = _mean_entropies(voters)
    known = [mean for mean in means if mean is not None]
    floor = _entropy_floor([*known, *[-math.inf] * to_come])
    ceiling = _entropy_floor([*known, *[math.inf] * to_come])
    return WeightBounds(
        lowest=_entropy_weights(means, ceiling), highest=_entropy_weights(means, floor), newcomer=1.0 / floor
    )


def _mean_entropies(voters: Sequence[Trajectory]) -> list[float | None]:
    means = [_mean(_of_turns(voter, "entropies")) for voter in voters]
    return [mean if mean is not None and math.isfinite(mean) else None for mean in means]


def _entropy_floor(known: Sequence[float]) -> float:
    return max(ENTROPY_FLOOR * statistics.median(known), MIN_ENTROPY) if known else MIN_ENTROPY


def _entropy_weights(means: Sequence[float | None], floor: float) -> list[float]:
    return [0.0 if mean is None else 1.0 / max(mean, floor) for mean in means]


def _by_confidence(measure: Callable[[Sequence[float]], float], kept_share: float) -> Weigh:
    """Weighs the most confident share of the voters by confidence, the others with nothing."""

    def weigh(voters: Sequence[Trajectory], accepted: AnswerRule) -> list[float]:
        values = [measure(_of_turns(voter, "confidences")) for voter in voters]
        kept = math.ceil(kept_share * len(values))
        lowest = sorted(values, reverse=True)[kept - 1] if kept else math.inf
        return [value if value >= lowest else 0.0 for value in values]

    return weigh


def _by_code(voters: Sequence[Trajectory], accepted: AnswerRule) -> list[float]:
    return [CODE_WEIGHT if _code_agrees(voter, accepted) else 1.0 for voter in voters]


def _code_agrees(voter: Trajectory, accepted: AnswerRule) -> bool:
    """Whether the last program that ran printed the answer."""
    ran = [turn.output or "" for turn in voter.turns if turn.status is ExecutionStatus.OK]
    return bool(ran) and voter.answer in printed_integers(ran[-1], accepted)


def _by_imagination(voters: Sequence[Trajectory], accepted: AnswerRule) -> list[float]:
    """Prefers code to text, and weighs small or round answers less: guesses tend to be such."""
    code = _by_code(voters, accepted)
    return [weight * _doubt(voter.answer) for weight, voter in zip(code, voters, strict=True)]


def _doubt(answer: int | None) -> float:
    guessed = answer is not None and (abs(answer) < _SMALL or answer % _ROUND == 0)
    return SMALL_OR_ROUND_WEIGHT if guessed else 1.0


def _short(voters: Sequence[Trajectory], accepted: AnswerRule) -> list[float]:
    return [1.0 / max(1, voter.tokens) for voter in voters]


def _long(voters: Sequence[Trajectory], accepted: AnswerRule) -> list[float]:
    return [float(voter.tokens) for voter in voters]


def _by_score(voters: Sequence[Trajectory], accepted: AnswerRule) -> list[float]:
    """Maps scores from [-1, 1] to [0, 1]; a missing score counts as the worst. Equal weights if all are missing."""
    if _unscored(voters):
        return _equal(voters, accepted)
    return [SCORE_FLOOR if voter.score is None else _score_weight(voter.score) for voter in voters]


def _score_weight(score: float) -> float:
    return min(1.0, max(SCORE_FLOOR, (1.0 + score) / 2))


def _score_bound(voters: Sequence[Trajectory], weights: Sequence[float], to_come: int) -> WeightBounds:
    """Where no rollout has a score yet, the first that has one makes the others count as the worst."""
    lowest = [SCORE_FLOOR] * len(voters) if _unscored(voters) and to_come else weights
    return WeightBounds(lowest=lowest, highest=weights, newcomer=1.0)


def _top_scored(voters: Sequence[Trajectory], accepted: AnswerRule) -> list[float]:
    """One vote for each rollout of the better half; for every rollout if there is no score."""
    if _unscored(voters):
        return _equal(voters, accepted)
    kept = {voter.key for voter in top_scored(voters, _better_half(len(voters)))}
    return [float(voter.key in kept) for voter in voters]


def _top_scored_bound(voters: Sequence[Trajectory], weights: Sequence[float], to_come: int) -> WeightBounds:
    """A voter keeps its vote for certain if it is in the better half behind all rollouts to come."""
    order = sorted(voters, key=score_rank)
    ranks = {voter.key: rank for rank, voter in enumerate(order, start=1)}
    kept = _better_half(len(voters) + to_come)
    return WeightBounds(
        lowest=[float(ranks[voter.key] + to_come <= kept) for voter in voters],
        highest=[1.0 if _unscored(voters) else float(ranks[voter.key] <= kept) for voter in voters],
        newcomer=1.0,
    )


def _better_half(voters: int) -> int:
    return math.ceil(voters / 2)


def _unscored(voters: Sequence[Trajectory]) -> bool:
    return all(voter.score is None for voter in voters)


def _of_turns(voter: Trajectory, name: str) -> list[float]:
    return list(chain.from_iterable(getattr(turn, name) or () for turn in voter.turns))


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


VOTE_RULES: Final[Mapping[VoteName, VoteRule]] = {
    rule.name: rule
    for rule in (
        VoteRule(VoteName.PLURALITY, "one rollout, one vote (Numina, NVIDIA)", _equal, bound=fixed(1.0)),
        VoteRule(
            VoteName.ENTROPY,
            "1 / mean entropy (public AIMO3 kernel), outliers capped",
            _by_entropy,
            bound=_entropy_bound,
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
        VoteRule(VoteName.CODE, "double if the last program printed the answer", _by_code, bound=fixed(CODE_WEIGHT)),
        VoteRule(
            VoteName.IMAGINATION,
            "code double, small and round answers x 0.6 (imagination-research)",
            _by_imagination,
            bound=fixed(CODE_WEIGHT),
        ),
        VoteRule(VoteName.SHORT, "1 / tokens", _short, bound=fixed(1.0)),
        VoteRule(VoteName.LONG, "tokens", _long),
        VoteRule(
            VoteName.SCORE,
            "the scorer's value of each rollout",
            _by_score,
            bound=_score_bound,
            needs_scores=True,
        ),
        VoteRule(
            VoteName.TOP_SCORED,
            "the better half by score, one vote each (rStar-Math)",
            _top_scored,
            bound=_top_scored_bound,
            needs_scores=True,
        ),
    )
}


def find_vote_rule(name: str) -> VoteRule:
    """Returns the rule of this name. Raises InputError, which lists the names there are."""
    return VOTE_RULES[find_name(VoteName, name, "vote")]
