"""Turns traces into padded batches of token ids and labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import torch
from transformers import PreTrainedTokenizerFast

from demo_model.method_traces import draw_trace
from demo_model.model import IGNORED
from demo_model.traces import Trace

_CHUNK_TRACES = 1000
_POOL_BATCHES = 32
"""Batches that are sorted by length together: less padding, yet still mixed."""


@dataclass(frozen=True, slots=True)
class Example:
    """A trace as token ids and labels of the same length."""

    token_ids: tuple[int, ...]
    labels: tuple[int, ...]


def draw_traces(count: int, seed: int, *, code: bool, processes: int) -> list[Trace]:
    """Draws `count` traces; each depends only on the seed and its own index."""
    draw = partial(_draw_indexed, seed=seed, code=code)
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(draw, range(count), chunksize=256))


def draw_examples(count: int, seed: int, tokenizer: Path, *, code: bool, processes: int) -> list[Example]:
    """Draws the same traces, encoded in the drawing processes, so that the caller's heap holds only token ids.

    A heap fragmented by hundreds of megabytes of short strings slows every later training step.
    """
    draw = partial(_draw_encoded, seed=seed, code=code, tokenizer=tokenizer)
    chunks = [range(start, min(start + _CHUNK_TRACES, count)) for start in range(0, count, _CHUNK_TRACES)]
    with ProcessPoolExecutor(processes) as pool:
        return [example for chunk in pool.map(draw, chunks) for example in chunk]


def encode_trace(trace: Trace, tokenizer: PreTrainedTokenizerFast, prompt_dropout: float = 0.1) -> Example:
    """Encodes segment by segment, as a rollout does, so that no token crosses a segment's border.

    Merges in the prompt are dropped at random (BPE dropout): otherwise an unseen wording would be split
    into tokens that the model has not learnt.
    """
    bpe = tokenizer.backend_tokenizer.model
    bpe.dropout = prompt_dropout or None
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": trace.problem}], add_generation_prompt=True, return_dict=False
    )
    bpe.dropout = None
    token_ids, labels = list(prompt), [IGNORED] * len(prompt)
    for segment in trace.segments:
        ids = tokenizer.encode(segment.text, add_special_tokens=False)
        token_ids += ids
        labels += ids if segment.learned else [IGNORED] * len(ids)
    token_ids.append(tokenizer.eos_token_id)
    labels.append(tokenizer.eos_token_id)
    return Example(tuple(token_ids), tuple(labels))


def batches(
    examples: Sequence[Example], *, size: int, padding_id: int, rng: Random
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yields endless batches `(token_ids, labels)`, both int64 of shape (size, longest)."""
    while True:
        order = list(range(len(examples)))
        rng.shuffle(order)
        for start in range(0, len(order) - size + 1, size * _POOL_BATCHES):
            pool = sorted(order[start : start + size * _POOL_BATCHES], key=lambda index: len(examples[index].token_ids))
            groups = [pool[at : at + size] for at in range(0, len(pool) - size + 1, size)]
            rng.shuffle(groups)
            for group in groups:
                yield _pad([examples[index] for index in group], padding_id)


def _pad(examples: Sequence[Example], padding_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    length = max(len(example.token_ids) for example in examples)
    token_ids = torch.full((len(examples), length), padding_id)
    labels = torch.full((len(examples), length), IGNORED)
    for row, example in enumerate(examples):
        token_ids[row, : len(example.token_ids)] = torch.tensor(example.token_ids)
        labels[row, : len(example.labels)] = torch.tensor(example.labels)
    return token_ids, labels


def _draw_encoded(indices: range, *, seed: int, code: bool, tokenizer: Path) -> list[Example]:
    loaded = PreTrainedTokenizerFast.from_pretrained(tokenizer)
    return [encode_trace(_draw_indexed(index, seed=seed, code=code), loaded) for index in indices]


def _draw_indexed(index: int, *, seed: int, code: bool) -> Trace:
    return draw_trace(Random(f"{seed}:{code}:{index}"), code=code)
