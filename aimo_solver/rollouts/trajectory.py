"""Trajectory: what one rollout leaves behind, turn by turn, and why it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aimo_solver.sandbox.base import ExecutionStatus


class StopReason(StrEnum):
    """Why a rollout ended. Only `answered` and `flushed` come with an answer."""

    ANSWERED = "answered"
    """The model ended its turn with an answer."""
    FLUSHED = "flushed"
    """It was cut short by time, tokens or code rounds, asked for its answer, and gave one."""
    NO_ANSWER = "no_answer"
    """The model ended its turn without an answer the rule accepts."""
    TOKEN_LIMIT = "token_limit"
    """Its tokens or the context were used up, and the flush gave no answer."""
    ROUND_LIMIT = "round_limit"
    """It asked for more code than it may run, and the flush gave no answer."""
    DEADLINE = "deadline"
    """Its time was up, and the flush gave no answer."""
    UNSURE = "unsure"
    """Its confidence fell below what other rollouts of the problem kept."""
    CANCELLED = "cancelled"
    """The vote was settled without it."""
    SANDBOX_FAILED = "sandbox_failed"
    ENGINE_FAILED = "engine_failed"
    FAILED = "failed"
    """By something nobody foresaw; the run's log says what."""


RolloutKey = tuple[int, str, int]
"""A rollout's place: run, problem id, index."""
ENDED_BY_ITSELF: Final = frozenset({StopReason.ANSWERED, StopReason.NO_ANSWER})
"""The model came to its own end: such a rollout's length is a whole one."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One generation of the model, and the run of the code it asked for."""

    text: str
    """The decode of the turn's token ids."""
    tokens: int
    seconds: float
    """Time generating."""
    code: str | None = None
    """The code that was run, when the turn ended in a call."""
    output: str | None = None
    """What the model was shown of the run."""
    status: ExecutionStatus | None = None
    code_seconds: float = 0.0
    """Time waiting for the sandbox, its queue included."""
    flush: bool = False
    """True when the turn continues a text that was closed for the model to force its answer."""
    entropies: tuple[float, ...] | None = None
    """Per token, nats, over the logged alternatives; when log-probabilities were asked for."""
    confidences: tuple[float, ...] | None = None
    """Per token, minus the mean log-probability of the logged alternatives (DeepConf, arXiv 2508.15260)."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One rollout from its prompt to its end."""

    problem_id: str
    run: int
    rollout: int
    """Its index among the problem's rollouts."""
    seed: int
    prompt_tokens: int
    turns: tuple[Turn, ...]
    answer: int | None
    stop_reason: StopReason
    started_seconds: float
    """Since the problem was begun."""
    seconds: float
    side_tokens: int = 0
    """Generated besides the turns: branches a search left, judging, drafts that were thrown away."""
    score: float | None = None
    """What a scorer made of it, in [-1, 1]; None where there is none."""

    @property
    def key(self) -> RolloutKey:
        return self.run, self.problem_id, self.rollout

    @property
    def tokens(self) -> int:
        """Generated tokens, side tokens included, tool output and prompt left out."""
        return self.side_tokens + sum(turn.tokens for turn in self.turns)

    @property
    def code_calls(self) -> int:
        return sum(turn.code is not None for turn in self.turns)

    @property
    def code_seconds(self) -> float:
        return sum(turn.code_seconds for turn in self.turns)
