"""Stopping rules: parts that policies combine. Each returns its reason to stop, or None.

They certify which answer leads, not that it is right. Votes count in the order in which rollouts
finished, all alike; a rollout without an answer casts none. Only `cannot_be_caught` knows the weights of
the vote in use: it stops where nothing that is still to come can change the winner.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, Protocol

from aimo_solver.config.names import StoppingRuleName
from aimo_solver.policies.policy import Progress


class StoppingRule(Protocol):
    """Decides from the votes alone."""

    def __call__(self, progress: Progress) -> str | None:
        """Returns the reason to stop, or None."""
        ...


def cannot_be_caught(progress: Progress) -> str | None:
    """Stops when the lead exceeds all that the votes still to come can add: the winner is that of the full vote."""
    to_come = progress.running + progress.waiting
    return f"{progress.settled} cannot be caught" if progress.settled is not None and to_come else None


def agreement(needed: int, first: int) -> StoppingRule:
    """Stops when `needed` of the first `first` answers agree (NVIDIA AIMO2: 4 of 5). 0 turns it off."""

    def rule(progress: Progress) -> str | None:
        answers = _answers(progress)[:first]
        if not answers or needed < 1:
            return None
        answer, votes = Counter(answers).most_common(1)[0]
        return f"{votes} of the first {len(answers)} answers are {answer}" if votes >= needed else None

    return rule


def agreement_of_last(needed: int, last: int) -> StoppingRule:
    """Stops when `needed` of the last `last` answers, by time, agree (imagination-research AIMO2: 4 of 5)."""

    def rule(progress: Progress) -> str | None:
        answers = _answers(progress)[-last:]
        if len(answers) < last:
            return None
        answer, votes = Counter(answers).most_common(1)[0]
        return f"{votes} of the last {last} answers are {answer}" if votes >= needed else None

    return rule


def enough_finished(share: float) -> StoppingRule:
    """Stops when at least `share` of the rollouts have finished (NVIDIA AIMO2: 10 of 12). 1 turns it off."""

    def rule(progress: Progress) -> str | None:
        finished, total = len(progress.answers), progress.rollouts
        # A share of 5/6 written as 0.8333 must mean 10 of 12, not 11.
        enough = share < 1 and finished >= share * total - 1e-3
        return f"{finished} of {total} rollouts have finished" if enough and progress.votes else None

    return rule


def adaptive_consistency(confidence: float = 0.95) -> StoppingRule:
    """Stops when the leader beats the runner-up with this posterior probability (Aggarwal et al. 2023)."""

    def rule(progress: Progress) -> str | None:
        leader, votes, runner_up = leader_of(progress)
        certainty = 1.0 - doubt(votes, runner_up)
        return f"{leader} leads with certainty {certainty:.3f}" if certainty >= confidence else None

    return rule


def sequential_ratio(likely: float = 0.8, error: float = 0.05) -> StoppingRule:
    """Stops by Wald's test (SPRT): of the first two answers' votes the leader gets `likely`, against one half."""
    gain, loss, needed = math.log(2 * likely), math.log(2 * (1 - likely)), math.log((1 - error) / error)

    def rule(progress: Progress) -> str | None:
        leader, votes, runner_up = leader_of(progress)
        ratio = votes * gain + runner_up * loss
        return f"{leader} leads with a log ratio of {ratio:.2f}" if ratio >= needed else None

    return rule


def e_process(error: float = 0.05) -> StoppingRule:
    """Bets on the leader so far, at odds learnt from the past only; stops at a gain of 1 / error.

    Under an exact tie the gain is a supermartingale: however often it is reviewed, it stops falsely in
    at most `error` of the cases (Ville). Odds: the Krichevsky-Trofimov estimate, at least one half.
    """

    def rule(progress: Progress) -> str | None:
        gain = _gain(_answers(progress))
        return f"{leader_of(progress)[0]} leads with a gain of {gain:.1f}" if gain >= 1 / error else None

    return rule


def same_window(size: int = 5) -> StoppingRule:
    """Stops when a whole window of `size` answers is equal (ESC, Li et al. 2024)."""

    def rule(progress: Progress) -> str | None:
        answers = _answers(progress)
        for start in range(0, len(answers) - size + 1, size):
            window = answers[start : start + size]
            if len(set(window)) == 1:
                return f"a window of {size} answers is all {window[0]}"
        return None

    return rule


STOPPING_RULES: Final[Mapping[StoppingRuleName, StoppingRule]] = {
    StoppingRuleName.CANNOT_BE_CAUGHT: cannot_be_caught,
    StoppingRuleName.AGREEMENT: agreement(4, 5),
    StoppingRuleName.AGREEMENT_OF_LAST: agreement_of_last(4, 5),
    StoppingRuleName.ENOUGH_FINISHED: enough_finished(5 / 6),
    StoppingRuleName.ADAPTIVE_CONSISTENCY: adaptive_consistency(),
    StoppingRuleName.SEQUENTIAL_RATIO: sequential_ratio(),
    StoppingRuleName.E_PROCESS: e_process(),
    StoppingRuleName.SAME_WINDOW: same_window(),
}
"""Each with the parameters of its source."""


def first_reason(rules: Sequence[StoppingRule], progress: Progress) -> str | None:
    """Returns the reason of the first rule that would stop, or None."""
    return next((reason for rule in rules if (reason := rule(progress)) is not None), None)


def leader_of(progress: Progress) -> tuple[int | None, int, int]:
    """Returns the answer that leads, its votes, and the runner-up's votes."""
    ranked = progress.votes.most_common(2)
    if not ranked:
        return None, 0, 0
    return ranked[0][0], ranked[0][1], ranked[1][1] if len(ranked) > 1 else 0


@lru_cache(maxsize=4096)
def doubt(votes: int, runner_up: int) -> float:
    """Returns I_0.5(votes + 1, runner_up + 1): the posterior probability that the runner-up is the likelier answer."""
    tosses = votes + runner_up + 1
    return sum(math.comb(tosses, heads) for heads in range(votes + 1, tosses + 1)) / 2**tosses


def _answers(progress: Progress) -> list[int]:
    return [answer for answer in progress.answers if answer is not None]


def _gain(answers: Sequence[int]) -> float:
    counts: Counter[int] = Counter(answers[:1])
    gain, hits = 1.0, len(answers[:1])  # The first vote names a leader; there is nothing to bet on before it.
    for seen, answer in enumerate(answers[1:], start=1):
        odds = max(0.5, (hits + 0.5) / (seen + 1))
        hit = answer == counts.most_common(1)[0][0]
        gain *= 2 * odds if hit else 2 * (1 - odds)
        hits += hit
        counts[answer] += 1
    return gain
