"""The Engine protocol: token ids in, streamed completions out.

Every engine guarantees, as one contract suite checks (tests/helpers/engine_contract.py):
- the deltas' token ids, joined, are the completion; their texts, joined, are its decoded text;
- a stop string ends the completion with the token that completes it: that token is kept whole,
  so the text may run past the stop string; later tokens are dropped;
- the same prompt, sampling and seed give the same token ids, alone or in a batch;
- cancelling the consumer (or closing the iterator) aborts the request;
- a dead or wedged engine raises EngineError and never returns a wrong text.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a completion is sampled. The names are vLLM's."""

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    """0 means no limit."""
    min_p: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    logprobs: int | None = None
    """How many of the likeliest alternatives to log per token; None means no log-probabilities at all."""


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
    """The stop string that ended it; None if a stop token or a limit did."""
    logprobs: tuple[TokenLogprob, ...] | None = None
    """One per token, if requested."""


class Tokenizer(Protocol):
    """What rollouts need from a tokenizer. Generated text is never re-tokenised."""

    @property
    def has_chat_template(self) -> bool:
        """Whether the checkpoint says how messages are written; a base model does not."""
        ...

    def encode(self, text: str) -> list[int]:
        """Returns the text's token ids, without adding special tokens around it."""
        ...

    def encode_start(self, text: str) -> list[int]:
        """Returns the ids of a text that begins a prompt, with the start token (BOS) where the tokenizer adds one."""
        ...

    def decode(self, token_ids: Sequence[int]) -> str:
        """Returns the text of the ids, special tokens included."""
        ...

    def encode_chat(self, messages: Sequence[dict[str, str]]) -> list[int]:
        """Returns token ids of the checkpoint's chat template, up to the start of the assistant's turn."""
        ...


class Engine(Protocol):
    """A language model that completes token ids."""

    @property
    def tokenizer(self) -> Tokenizer: ...

    @property
    def context_tokens(self) -> int:
        """The most tokens that prompt and completion together may have."""
        ...

    @property
    def down_seconds(self) -> float:
        """Seconds spent so far between deaths and restarts; 0 for an engine that is not restarted."""
        ...

    def generate(self, prompt_token_ids: Sequence[int], sampling: Sampling) -> AsyncGenerator[Completion, None]:
        """Streams the completion. Raises EngineError if the engine cannot continue."""
        ...


class ManagedEngine(Engine, Protocol):
    """An engine that is started and stopped by its owner."""

    async def start(self) -> None:
        """Loads the model. Raises EngineLoadError if the checkpoint cannot be loaded here."""
        ...

    async def stop(self) -> None:
        """Ends the engine and every process it left behind, even if it is dead or wedged."""
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

        The actual token is always included, whatever its rank.
        """
        ...


class Scorer(Protocol):
    """A reward model, such as a process preference model (PPM): rates how promising a text is."""

    @property
    def tokenizer(self) -> Tokenizer: ...

    async def score(self, texts: Sequence[Sequence[int]]) -> list[float]:
        """Returns a value in [-1, 1] for each text, given as token ids of the scorer's tokenizer.

        Raises EngineError if the scorer cannot continue.
        """
        ...


class ManagedScorer(Scorer, Protocol):
    """A scorer that is started and stopped by its owner."""

    async def start(self) -> None:
        """Loads the model. Raises EngineLoadError if the checkpoint cannot be loaded here."""
        ...

    async def stop(self) -> None:
        """Ends the scorer and every process it left behind."""
        ...
