"""What a process preference model learns from: at each step node, which ways to go on are better than which.

Source: rStar-Math (arXiv 2501.04519), where a step is preferred to its siblings by how its rollouts
ended. Guarantees: the texts of a comparison share their prompt and prefix, token for token; a problem's
nodes are all learnt from, or all kept for trying the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from random import Random

import torch

from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.prompt import encode_prompt
from aimo_solver.engine.base import Tokenizer
from demo_model.step_nodes import StepNode

LEAST_DIFFERENCE = 0.5
"""Of two children's values: below it they may differ by luck."""
HELD_OUT_EVERY = 5
POOL_BATCHES = 8
"""Batches sorted by length together: less padding, still mixed."""

Pair = tuple[int, int]
"""Places, among a node's children, of a better one and a worse one."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One node's children: their texts from the prompt on, as token ids, and their values."""

    texts: tuple[tuple[int, ...], ...]
    values: tuple[float, ...]

    @property
    def pairs(self) -> list[Pair]:
        """All whose values differ by enough."""
        return [
            (better, worse)
            for better, high in enumerate(self.values)
            for worse, low in enumerate(self.values)
            if high - low >= LEAST_DIFFERENCE
        ]


@dataclass(frozen=True, slots=True)
class Batch:
    """Several comparisons as tensors, all int64."""

    token_ids: torch.Tensor
    """Of shape (texts, longest), padded on the right."""
    last: torch.Tensor
    """Of shape (texts,): the place of each text's last token."""
    better: torch.Tensor
    """Of shape (pairs,): rows of `token_ids`."""
    worse: torch.Tensor


def is_held_out(problem: str) -> bool:
    """Whether this problem is kept for trying the model: one in five, by its text alone."""
    return sha256(problem.encode()).digest()[0] % HELD_OUT_EVERY == 0


def comparisons(
    nodes: Iterable[StepNode], dialect: Dialect, tokenizer: Tokenizer, context_tokens: int
) -> list[Comparison]:
    """One for each node that has pairs. Of a text longer than the context its tail, as a scorer reads it."""
    found: list[Comparison] = []
    for node in nodes:
        path = [
            *encode_prompt(dialect, node.problem, tokenizer, node.prefill),
            *tokenizer.encode(node.prefix),
        ]
        texts = ([*path, *tokenizer.encode(child.text)] for child in node.children)
        comparison = Comparison(
            tuple(tuple(text[-context_tokens:]) for text in texts), tuple(child.value for child in node.children)
        )
        if comparison.pairs:
            found.append(comparison)
    return found


def batches(found: Sequence[Comparison], size: int, most_pairs: int, padding_id: int, rng: Random) -> Iterator[Batch]:
    """Endless batches of `size` comparisons, at most `most_pairs` drawn from each: no node rules the rest."""
    while True:
        order = rng.sample(found, len(found))
        for start in range(0, len(order), size * POOL_BATCHES):
            pool = sorted(order[start : start + size * POOL_BATCHES], key=_longest)
            groups = [pool[at : at + size] for at in range(0, len(pool), size)]
            rng.shuffle(groups)
            for group in groups:
                yield _join(group, most_pairs, padding_id, rng)


def _longest(comparison: Comparison) -> int:
    return max(map(len, comparison.texts))


def _join(found: Sequence[Comparison], most_pairs: int, padding_id: int, rng: Random) -> Batch:
    """Only the texts that a drawn pair compares."""
    texts: list[tuple[int, ...]] = []
    better: list[int] = []
    worse: list[int] = []
    for comparison in found:
        pairs = comparison.pairs
        drawn = rng.sample(pairs, min(most_pairs, len(pairs)))
        places = sorted({place for pair in drawn for place in pair})
        row = {place: len(texts) + index for index, place in enumerate(places)}
        texts += [comparison.texts[place] for place in places]
        better += [row[place] for place, _ in drawn]
        worse += [row[place] for _, place in drawn]
    token_ids, last = pad(texts, padding_id)
    return Batch(token_ids, last, torch.tensor(better), torch.tensor(worse))


def pad(texts: Sequence[Sequence[int]], padding_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`token_ids` and `last` of a Batch."""
    token_ids = torch.full((len(texts), max(map(len, texts))), padding_id)
    for row, text in enumerate(texts):
        token_ids[row, : len(text)] = torch.tensor(text)
    return token_ids, torch.tensor([len(text) - 1 for text in texts])
