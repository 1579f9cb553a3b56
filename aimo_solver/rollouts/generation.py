"""Generation: a turn under way, as its pieces come in, and how it is sampled."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from aimo_solver.config.settings import RolloutSettings
from aimo_solver.engine.base import Completion, FinishReason, Sampling, TokenLogprob


class Generation:
    """A turn while it is generated."""

    def __init__(self, started_at: float, opening: str = "", *, flush: bool = False) -> None:
        """`opening` is text written for the model, which continues it."""
        self.started_at, self.opening, self.flush = started_at, opening, flush
        self.token_ids: list[int] = []
        self.entropies: list[float] = []
        self.confidences: list[float] = []
        self.finish_reason: FinishReason | None = None
        self.stop: str | None = None
        """The stop string that ended it; None when something else did."""
        self.unsure = False
        """Whether it was given up for its low confidence."""
        self.code_started_at: float | None = None
        """Loop time at which its code began to run; None without code."""

    def add(self, piece: Completion) -> None:
        """Appends what the engine generated next."""
        self.token_ids += piece.token_ids
        if piece.logprobs is not None:
            self.entropies += entropies(piece.logprobs)
            self.confidences += confidences(piece.logprobs)
        if piece.finish_reason is not None:
            self.finish_reason, self.stop = piece.finish_reason, piece.stop

    @property
    def ended_itself(self) -> bool:
        """Whether the model ended its turn; the last token is then its end-of-turn token."""
        return self.finish_reason is FinishReason.STOP and self.stop is None

    @property
    def said_token_ids(self) -> list[int]:
        """The token ids without the one with which the model ended its turn: it is no part of what it says."""
        return self.token_ids[:-1] if self.ended_itself else self.token_ids

    def cut_before(self, marker: str | None, decode: Callable[[Sequence[int]], str]) -> None:
        """Removes the marker, with every token that holds a part of it; with None, the end-of-turn token."""
        if marker is None:
            del self.token_ids[-1:]
        else:
            text = decode(self.token_ids)
            start = text.rfind(marker) if marker in text else len(text)
            while self.token_ids and len(decode(self.token_ids)) > start:
                del self.token_ids[-1:]
        for values in (self.entropies, self.confidences):
            del values[len(self.token_ids) :]


def entropies(logprobs: Sequence[TokenLogprob]) -> list[float]:
    """Returns, per token, the entropy in nats of its logged alternatives (a lower bound on the true one)."""
    return [-sum(math.exp(value) * value for value in _possible(token)) for token in logprobs]


def confidences(logprobs: Sequence[TokenLogprob]) -> list[float]:
    """Returns, per token, minus the mean log-probability of its logged alternatives: high where the model is sure."""
    return [-sum(values) / max(1, len(values)) for values in map(_possible, logprobs)]


def _possible(token: TokenLogprob) -> list[float]:
    """Returns the log-probabilities of its alternatives that could have been drawn: one of minus infinity could not."""
    return [value for value in token.top.values() if value > -math.inf]


def sampling_of(settings: RolloutSettings, *, max_tokens: int, seed: int, stop: tuple[str, ...]) -> Sampling:
    """Returns the sampling of one generation under the settings."""
    return Sampling(
        max_tokens=max_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        min_p=settings.min_p,
        seed=seed,
        stop=stop,
        logprobs=settings.logprobs or None,
    )
