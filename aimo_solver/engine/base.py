"""The Engine protocol: token ids in, streamed completions out.

Guarantees every engine gives, held by one contract suite (tests/engine_contract.py):
- the deltas' token ids joined are the completion; their texts joined are its decode;
- a stop string ends the completion with the token that completes it: that token is kept whole,
  so the text may run past the stop string; tokens behind it are dropped whole;
- the same prompt, sampling and seed give the same token ids, alone or in a batch;
- cancelling the consumer (or closing the iterator) aborts the request;
- a dead or wedged engine raises EngineError, never a wrong text.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class FinishReason(StrEnum):
    """Why a completion ended."""

    STOP = "stop"
    """A stop string, or a stop token such as end-of-turn."""
    LENGTH = "length"
    """`max_tokens` or the context was used up."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one completion is drawn. Names are vLLM's own."""

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    """0: no limit."""
    min_p: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    logprobs: int | None = None
    """Most likely alternatives logged per token; None: none, and no log-probabilities at all."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One generated token's log-probability and its likeliest alternatives (token id -> logprob, nats)."""

    token_id: int
    logprob: float
    top: dict[int, float]


@dataclass(frozen=True, slots=True)
class Completion:
    """A piece of a completion; the last piece carries `finish_reason`."""

    token_ids: tuple[int, ...]
    text: str
    finish_reason: FinishReason | None = None
    stop: str | None = None
    """The stop string that ended it; None when a stop token or a limit did."""
    logprobs: tuple[TokenLogprob, ...] | None = None
    """One a token, when asked for."""


class Tokenizer(Protocol):
    """What rollouts need of a tokenizer. Text is never re-tokenised once generated."""

    def encode(self, text: str) -> list[int]:
        """Token ids of the text, without special tokens added around it."""
        ...

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of the ids, special tokens included."""
        ...

    def encode_chat(self, messages: Sequence[dict[str, str]]) -> list[int]:
        """Token ids of the checkpoint's chat template, opened for the assistant's turn."""
        ...


class Engine(Protocol):
    """A language model that completes token ids."""

    @property
    def tokenizer(self) -> Tokenizer: ...

    @property
    def context_tokens(self) -> int:
        """Prompt and completion together hold at most this many tokens."""
        ...

    @property
    def down_seconds(self) -> float:
        """So far, between a death and the restart after it; 0 for an engine that is not restarted."""
        ...

    def generate(self, prompt_token_ids: Sequence[int], sampling: Sampling) -> AsyncGenerator[Completion, None]:
        """Streams the completion. Raises EngineError when the engine cannot go on."""
        ...


class ManagedEngine(Engine, Protocol):
    """An engine with a life of its own, for whoever starts and ends it."""

    async def start(self) -> None:
        """Loads the model. Raises EngineLoadError when the checkpoint cannot be loaded here."""
        ...

    async def stop(self) -> None:
        """Ends the engine and every process it left behind, even when it is dead or wedged."""
        ...


@dataclass(frozen=True, slots=True)
class Drafts:
    """Tokens that speculation proposed, and how many of them the model accepted."""

    proposed: int
    accepted: int


class MeasurableEngine(Engine, Protocol):
    """An engine that reports what a checkpoint costs and how it predicts text, besides completing it."""

    async def weight_bytes(self) -> int | None:
        """Returns the GPU memory taken by the weights, in bytes; None on a CPU."""
        ...

    def drafts(self) -> Drafts:
        """Returns what speculation has proposed since the engine's start; zeros without speculation."""
        ...

    async def next_tokens(self, token_ids: Sequence[int], alternatives: int) -> list[dict[int, float]]:
        """Returns, for each position but the first, the likeliest tokens there: token id -> log-probability (nats).

        The token that stands there is always included, whatever its rank.
        """
        ...


class Scorer(Protocol):
    """A reward model: says how promising a text is, such as a process preference model (PPM) of steps."""

    @property
    def tokenizer(self) -> Tokenizer: ...

    async def score(self, texts: Sequence[Sequence[int]]) -> list[float]:
        """A value in [-1, 1] for each text, given as token ids of its own tokenizer.

        Raises EngineError when the scorer cannot go on.
        """
        ...


class ManagedScorer(Scorer, Protocol):
    """A scorer with a life of its own, for whoever starts and ends it."""

    async def start(self) -> None:
        """Loads the model. Raises EngineLoadError when the checkpoint cannot be loaded here."""
        ...

    async def stop(self) -> None:
        """Ends it and every process it left behind."""
        ...
