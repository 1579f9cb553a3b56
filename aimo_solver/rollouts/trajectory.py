"""Trajectory: what one rollout generated, turn by turn, and why it ended."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from enum import StrEnum

from aimo_solver.sandbox.base import ExecutionStatus


class StopReason(StrEnum):
    """Why a rollout ended. Only `answered` and `flushed` come with an answer."""

    ANSWERED = "answered"
    """The model ended its turn with an answer."""
    FLUSHED = "flushed"
    """It had no answer when the model ended it, or when it was cut short; asked for one, it gave it."""
    NO_ANSWER = "no_answer"
    """The model ended its turn without an answer the rule accepts, and the flush gave none."""
    TOKEN_LIMIT = "token_limit"
    """Its tokens or its context were used up, and the flush gave no answer, or had no room."""
    ROUND_LIMIT = "round_limit"
    """It asked for more code than it may run, and the flush gave no answer."""
    DEADLINE = "deadline"
    """Its time was up, and the flush gave no answer."""
    UNSURE = "unsure"
    """Its confidence fell below what the problem's first rollouts kept."""
    CANCELLED = "cancelled"
    """The vote was settled without it."""
    SANDBOX_FAILED = "sandbox_failed"
    """The sandbox raised SandboxError, and the flush gave no answer."""
    ENGINE_FAILED = "engine_failed"
    """The engine raised EngineError."""
    FAILED = "failed"
    """An unexpected error ended it, and the flush gave no answer; the run's log says which."""


RolloutKey = tuple[int, str, int]
"""Identifies a rollout: run, problem id, index."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One generation, and the run of the code it asked for."""

    text: str
    """The turn's decoded token ids, after what was written for the model at its start."""
    tokens: int
    seconds: float
    """Time spent generating."""
    _: KW_ONLY
    code: str | None = None
    """The code that was run; None unless the turn ended in a call."""
    output: str | None = None
    """What the model was shown of the run; None unless the turn ended in a call."""
    status: ExecutionStatus | None = None
    code_seconds: float = 0.0
    """Time spent waiting for the sandbox, its queue included."""
    flush: bool = False
    """Whether the turn continues a text that was closed for the model, to ask for its answer."""
    entropies: tuple[float, ...] | None = None
    """Per token, in nats, over the logged alternatives; None unless log-probabilities were asked for."""
    confidences: tuple[float, ...] | None = None
    """Per token, minus the mean log-probability of the logged alternatives (DeepConf, arXiv 2508.15260)."""


@dataclass(frozen=True, slots=True, kw_only=True)
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
    ended_itself: bool
    """Whether the model ended its text, before any flush: its length was not cut."""
    started_seconds: float
    """Seconds between the start of the problem and that of the rollout."""
    seconds: float
    side_tokens: int = 0
    """Tokens generated outside the turns: on the other branches of a search."""
    score: float | None = None
    """The scorer's value of it, in [-1, 1]; None where there is no scorer."""

    @property
    def key(self) -> RolloutKey:
        return self.run, self.problem_id, self.rollout

    @property
    def tokens(self) -> int:
        """Tokens generated, including side tokens, without tool output and prompt."""
        return self.side_tokens + sum(turn.tokens for turn in self.turns)

    @property
    def asked(self) -> bool:
        """Whether it was asked for its answer."""
        return any(turn.flush for turn in self.turns)

    @property
    def code_calls(self) -> int:
        return sum(turn.code is not None for turn in self.turns)

    @property
    def code_seconds(self) -> float:
        return sum(turn.code_seconds for turn in self.turns)
