"""Turns vLLM's outputs into pieces of a completion. Knows their shape but imports nothing from vllm.

The ids are authoritative: the text is decoded from them here, and stop strings are looked for in that
text, delta by delta. vLLM looks for them too, token by token, so that nothing is generated after one; but
what it decodes depends on how it reads the tokenizer, its text ends at the stop string, and some versions
keep the ids of later tokens of the same delta.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from aimo_solver.engine.base import Completion, FinishReason, Sampling, Tokenizer, TokenLogprob
from aimo_solver.engine.stop_strings import find_stop, tail_tokens
from aimo_solver.engine.text_stream import TextStream
from aimo_solver.errors import EngineError


class VllmLogprob(Protocol):
    """The shape of vllm.logprobs.Logprob."""

    @property
    def logprob(self) -> float: ...
    @property
    def rank(self) -> int | None: ...


class VllmOutput(Protocol):
    """The shape of vllm.outputs.CompletionOutput, as a delta."""

    @property
    def token_ids(self) -> Sequence[int]: ...
    @property
    def finish_reason(self) -> str | None: ...
    @property
    def stop_reason(self) -> int | str | None: ...
    @property
    def logprobs(self) -> Sequence[Mapping[int, VllmLogprob]] | None: ...


class OutputReader:
    """Reads the deltas of one request."""

    def __init__(self, tokenizer: Tokenizer, sampling: Sampling) -> None:
        self._decode = tokenizer.decode
        self._sampling = sampling
        self._text = TextStream(tokenizer.decode)
        self._tail: list[int] = []
        self._tail_tokens = tail_tokens(sampling.stop)

    def read(self, output: VllmOutput) -> Completion:
        """Returns the next piece; one with a finish reason is the last, even if vLLM has not ended the request.

        Raises EngineError if vLLM aborted the request.
        """
        token_ids = tuple(output.token_ids)
        reason, stop = _ending(output)
        match = find_stop(self._decode, kept_ids=self._tail, new_ids=token_ids, stop=self._sampling.stop)
        if match is not None:
            reason, stop, token_ids = FinishReason.STOP, match.stop, token_ids[: match.kept_tokens]
        elif self._tail_tokens:
            self._tail = [*self._tail, *token_ids][-self._tail_tokens :]
        text = self._text.push(token_ids, final=reason is not None)
        logprobs = None
        if self._sampling.logprobs is not None:
            logprobs = _logprobs(token_ids, output.logprobs or (), self._sampling.logprobs)
        return Completion(token_ids, text, reason, stop, logprobs)


def _ending(output: VllmOutput) -> tuple[FinishReason | None, str | None]:
    """Returns why vLLM ended the request, and the stop string that did; None and None while it goes on."""
    if output.finish_reason is None:
        return None, None
    if output.finish_reason == "length":
        return FinishReason.LENGTH, None
    if output.finish_reason == "stop":
        # An int is a stop token, None the end-of-sequence token.
        return FinishReason.STOP, output.stop_reason if isinstance(output.stop_reason, str) else None
    raise EngineError(f"vLLM aborted a request ({output.finish_reason}); send it again")


def _logprobs(
    token_ids: Sequence[int], rows: Sequence[Mapping[int, VllmLogprob]], alternatives: int
) -> tuple[TokenLogprob, ...]:
    # The sampled token is always among the entries, whatever its rank.
    return tuple(
        TokenLogprob(
            token_id,
            row[token_id].logprob,
            {other: entry.logprob for other, entry in row.items() if 1 <= (entry.rank or 0) <= alternatives},
        )
        for token_id, row in zip(token_ids, rows, strict=False)
    )
