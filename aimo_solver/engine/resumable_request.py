"""A completion that one engine begins and others continue. Pure; SupervisedEngine drives it.

Guarantees: the pieces join to one completion that keeps the promises of aimo_solver/engine/base.py,
wherever it was interrupted: inside a character, inside a stop string, after its last token.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from aimo_solver.engine.base import Completion, FinishReason, Sampling, Tokenizer
from aimo_solver.engine.stop_strings import find_stop, tail_tokens
from aimo_solver.engine.text_stream import TextStream


class ResumableRequest:
    """A request, and the part of its completion that exists so far."""

    def __init__(self, prompt_token_ids: tuple[int, ...], sampling: Sampling, tokenizer: Tokenizer) -> None:
        self.finished = False
        self._prompt = prompt_token_ids
        self._sampling = sampling
        self._decode = tokenizer.decode
        self._ids: list[int] = []
        self._characters = 0
        self._text: TextStream | None = None
        """Decodes the completion here from the first interruption on, as the new engine does not know earlier bytes."""
        self._carry = ""
        self._straddling_tokens = 0
        """How many more tokens can complete a stop string that began before the interruption."""

    def prompt(self) -> tuple[int, ...]:
        """Returns the prompt for the next engine: the original and the tokens so far."""
        return (*self._prompt, *self._ids)

    def sampling(self) -> Sampling:
        """Returns the sampling for the rest of the completion."""
        if not self._ids:
            return self._sampling
        seed = self._sampling.seed
        if seed is not None:
            # The same seed would repeat the random numbers of the first tokens.
            seed = int.from_bytes(hashlib.sha256(f"{seed}:{len(self._ids)}".encode()).digest()[:4], "big")
        return replace(self._sampling, max_tokens=self._sampling.max_tokens - len(self._ids), seed=seed)

    def accept(self, delta: Completion) -> Completion:
        """Takes an engine's delta and returns the one for the consumer."""
        if self._text is not None:
            delta = self._continued(delta, self._text)
        self._ids += delta.token_ids
        self._characters += len(delta.text)
        self.finished = delta.finish_reason is not None
        return delta

    def interrupt(self) -> None:
        """Records that the engine died, so the next delta comes from another one."""
        self._text = TextStream(self._decode)
        # What the dead engine had not yet returned as text goes with the next delta.
        self._carry = self._text.push(self._ids)[self._characters :] if self._ids else ""
        self._straddling_tokens = tail_tokens(self._sampling.stop)

    def _continued(self, delta: Completion, text: TextStream) -> Completion:
        token_ids, reason, stop = delta.token_ids, delta.finish_reason, delta.stop
        if self._straddling_tokens > 0:
            match = find_stop(self._decode, kept_ids=self._ids, new_ids=token_ids, stop=self._sampling.stop)
            if match is not None:
                token_ids, reason, stop = token_ids[: match.kept_tokens], FinishReason.STOP, match.stop
            self._straddling_tokens -= len(token_ids)
        piece, self._carry = self._carry + text.push(token_ids, final=reason is not None), ""
        logprobs = delta.logprobs[: len(token_ids)] if delta.logprobs is not None else None
        return Completion(token_ids, piece, reason, stop, logprobs)
