"""vLLM's outputs become pieces of a completion: stop strings are found in our decode, however deltas are divided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.engine.base import Completion, FinishReason, Sampling
from aimo_solver.engine.scripted import ByteTokenizer
from aimo_solver.engine.vllm.outputs import OutputReader, VllmLogprob
from aimo_solver.errors import EngineError

STOP = "```output\n"
TOKENIZER = ByteTokenizer(["put\nx"])
TEXT = f"Let x = 3.\n```python\nprint(x)\n```\n{STOP}x and what vLLM made up after it"


@dataclass(frozen=True)
class Output:
    """A delta of vLLM's."""

    token_ids: Sequence[int]
    finish_reason: str | None = None
    stop_reason: int | str | None = None
    logprobs: Sequence[dict[int, VllmLogprob]] | None = None


@dataclass(frozen=True)
class Logprob:
    """A token's log-probability, as vLLM gives it."""

    logprob: float = -0.5
    rank: int | None = 1


def read(outputs: Sequence[Output], *, stop: tuple[str, ...] = (STOP,), logprobs: int | None = None) -> Completion:
    """Returns the pieces of one request joined, up to the one that ends it."""
    reader = OutputReader(TOKENIZER, Sampling(max_tokens=1000, stop=stop, logprobs=logprobs))
    joined = Completion((), "")
    for output in outputs:
        piece = reader.read(output)
        joined = Completion(
            joined.token_ids + piece.token_ids,
            joined.text + piece.text,
            piece.finish_reason,
            piece.stop,
            (joined.logprobs or ()) + (piece.logprobs or ()),
        )
        if piece.finish_reason is not None:
            break
    return joined


def deltas(text: str, sizes: Sequence[int]) -> list[Output]:
    """Divides a text's tokens, with a last delta of what the sizes leave."""
    token_ids = TOKENIZER.encode(text)
    found: list[Output] = []
    for size in sizes:
        found.append(Output(token_ids[:size]))
        del token_ids[:size]
    return [*found, Output(token_ids, "stop")]


@given(st.lists(st.integers(1, 12), max_size=40))
def test_stop_that_vllm_has_not_found_ends_the_completion_wherever_deltas_end(sizes: list[int]) -> None:
    joined = read(deltas(TEXT, sizes))
    # The token that completes the stop string is kept whole.
    assert joined.text == TEXT[: TEXT.index(STOP) + len(STOP) + 1]
    assert joined.token_ids == tuple(TOKENIZER.encode(joined.text))
    assert (joined.finish_reason, joined.stop) == (FinishReason.STOP, STOP)


@given(st.text(alphabet="`output\nx=é😀", max_size=60), st.lists(st.integers(1, 5), max_size=60))
def test_completion_does_not_depend_on_how_it_is_divided(text: str, sizes: list[int]) -> None:
    stops = ("`o", "\n\n", "é=", "😀")
    assert read(deltas(text, sizes), stop=stops) == read(deltas(text, []), stop=stops)


def test_log_probabilities_end_with_the_kept_tokens() -> None:
    token_ids = TOKENIZER.encode(TEXT)
    rows: list[dict[int, VllmLogprob]] = [{token_id: Logprob()} for token_id in token_ids]
    joined = read([Output(token_ids, logprobs=rows)], logprobs=1)
    assert [row.token_id for row in joined.logprobs or ()] == list(joined.token_ids)


def test_completion_without_a_stop_string_ends_as_vllm_says() -> None:
    token_ids = TOKENIZER.encode("It is 4.")
    assert read([Output(token_ids, "length")]).finish_reason is FinishReason.LENGTH
    ended = read([Output(token_ids, "stop", 256)])
    assert (ended.finish_reason, ended.stop, ended.text) == (FinishReason.STOP, None, "It is 4.")


def test_stop_string_that_completes_in_the_last_token_allowed_is_a_stop() -> None:
    ended = read([Output(TOKENIZER.encode(f"```{STOP}"), "length")])
    assert (ended.finish_reason, ended.stop) == (FinishReason.STOP, STOP)


def test_aborted_request_raises() -> None:
    with pytest.raises(EngineError, match="send it again"):
        read([Output((), "abort")])
