"""Candidates: for each answer, the summary of one rollout that gave it, for a judge to read.

Guarantees: in the vote's order, no two with the same answer; a summary holds no control token, so
that nothing a rollout wrote can end the judge's prompt early.
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
    trajectories: Sequence[Trajectory], vote: Vote, *, max_candidates: int, summary_chars: int
) -> tuple[Candidate, ...]:
    """Returns candidates for the answers with most votes, at most `max_candidates`.

    The summary is of the shortest voter that ended by itself, or the shortest of all if none did: a short
    text says the most in `summary_chars` characters.
    """
    voters: dict[int, list[Trajectory]] = {}
    for trajectory in trajectories:
        if trajectory.answer is not None:
            voters.setdefault(trajectory.answer, []).append(trajectory)
    answers = [answer for answer, _ in vote.tally if answer in voters][:max_candidates]
    chosen = {answer: min(voters[answer], key=_rank) for answer in answers}
    return tuple(Candidate(answer, summary(voter, summary_chars)) for answer, voter in chosen.items())


def _rank(voter: Trajectory) -> tuple[bool, int, int]:
    return voter.stop_reason is not StopReason.ANSWERED, voter.tokens, voter.rollout


def summary(trajectory: Trajectory, max_chars: int) -> str:
    """Returns what a rollout wrote after its thinking, or else its last turn, with the middle cut if too long."""
    text = conclusion("".join(turn.text for turn in trajectory.turns))
    if not text and trajectory.turns:
        text = without_control_tokens(trajectory.turns[-1].text).strip()
    return cut_middle(text, max_chars)


def conclusion(written: str) -> str:
    """Returns the text after the thinking; empty if no thinking has ended."""
    _, thought, text = written.rpartition(_THINK_END)
    return without_control_tokens(text).strip() if thought else ""


def without_control_tokens(text: str) -> str:
    """Returns the text without what a tokenizer would read as control tokens."""
    return _CONTROL.sub("\n", text)  # A line break: what stood on both sides might form another one.
