"""Candidates: for each answer one rollout that speaks for it, summed up for a judge.

Guarantees: at most as many as asked for, in the vote's order, no two with the same answer; a
summary holds no control token, so that nothing a rollout wrote can end the judge's prompt early.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aimo_solver.dialects.dialect import cut_middle
from aimo_solver.rollouts.trajectory import StopReason, Trajectory
from aimo_solver.voting import Vote

_THINK_END: Final = "</think>"
_CONTROL: Final = re.compile(r"<[|｜][\w▁ .-]{1,40}[|｜]>|</?s>|</?think>")
"""Control tokens as text: ChatML's and gpt-oss's, DeepSeek's, SentencePiece's, and those around thinking."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer and the text that argues for it."""

    answer: int
    summary: str


def pick_candidates(
    trajectories: Sequence[Trajectory], vote: Vote, most: int, summary_chars: int
) -> tuple[Candidate, ...]:
    """The `most` answers of most votes. Each is spoken for by the shortest of its voters that came to its own end,
    or the shortest of all where none did: it says the most in what a judge is shown of it."""
    voters: dict[int, list[Trajectory]] = {}
    for trajectory in trajectories:
        if trajectory.answer is not None:
            voters.setdefault(trajectory.answer, []).append(trajectory)
    answers = [answer for answer, _ in vote.tally if answer in voters][:most]
    speakers = {answer: min(voters[answer], key=_rank) for answer in answers}
    return tuple(Candidate(answer, summary(speaker, summary_chars)) for answer, speaker in speakers.items())


def _rank(voter: Trajectory) -> tuple[bool, int, int]:
    return voter.stop_reason is not StopReason.ANSWERED, voter.tokens, voter.rollout


def summary(trajectory: Trajectory, most_chars: int) -> str:
    """What a rollout wrote after its thinking, or else its last turn, the middle cut out of a long one."""
    text = conclusion("".join(turn.text for turn in trajectory.turns))
    if not text and trajectory.turns:
        text = without_control_tokens(trajectory.turns[-1].text).strip()
    return cut_middle(text, most_chars)


def conclusion(written: str) -> str:
    """What stands behind the thinking; empty where none has ended."""
    _, thought, text = written.rpartition(_THINK_END)
    return without_control_tokens(text).strip() if thought else ""


def without_control_tokens(text: str) -> str:
    """The text without what a tokenizer would read as control tokens."""
    return _CONTROL.sub("\n", text)  # A line break, or what stood on both sides might make up another.
