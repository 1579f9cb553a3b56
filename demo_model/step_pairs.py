"""The pairs a process preference model learns from: at each step node, which steps are better than which.

Source: rStar-Math (arXiv 2501.04519), where a step is preferred to its siblings by how its rollouts ended.
Guarantees: the texts of a comparison share their prompt and prefix, token for token; a problem's nodes are
either all used for training or all held out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from random import Random

import torch

from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.prompt import Prompt, encode_prompt
from aimo_solver.engine.base import Tokenizer
from demo_model.step_nodes import StepNode

MIN_DIFFERENCE = 0.5
"""Between two children's values; a smaller one may be luck."""
HELD_OUT_EVERY = 5
POOL_BATCHES = 8
"""Batches that are sorted by length together: less padding, yet still mixed."""

Pair = tuple[int, int]
"""Indices of a better and a worse child of a node."""


@dataclass(frozen=True, slots=True)
class StepComparison:
    """A node's children: their values, and their texts from the prompt on as token ids."""

    texts: tuple[tuple[int, ...], ...]
    values: tuple[float, ...]

    @property
    def pairs(self) -> list[Pair]:
        """All pairs whose values differ by at least MIN_DIFFERENCE."""
        return [
            (better, worse)
            for better, high in enumerate(self.values)
            for worse, low in enumerate(self.values)
            if high - low >= MIN_DIFFERENCE
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Several comparisons as int64 tensors."""

    token_ids: torch.Tensor
    """Of shape (texts, longest), padded on the right."""
    last: torch.Tensor
    """Of shape (texts,): the position of each text's last token."""
    better: torch.Tensor
    """Of shape (pairs,): rows of `token_ids`."""
    worse: torch.Tensor


def is_held_out(problem: str) -> bool:
    """Returns whether this problem is held out of training: one in five, chosen by its text."""
    return sha256(problem.encode()).digest()[0] % HELD_OUT_EVERY == 0


def comparisons(
    nodes: Iterable[StepNode], dialect: Dialect, tokenizer: Tokenizer, *, context_tokens: int
) -> list[StepComparison]:
    """Returns a comparison for each node that has pairs; long texts keep their tails, as a scorer reads them."""
    found: list[StepComparison] = []
    for node in nodes:
        path = [
            *encode_prompt(dialect, node.problem, tokenizer, prompt=Prompt(), prefill=node.prefill),
            *tokenizer.encode(node.prefix),
        ]
        texts = ([*path, *tokenizer.encode(child.text)] for child in node.children)
        comparison = StepComparison(
            tuple(tuple(text[-context_tokens:]) for text in texts), tuple(child.value for child in node.children)
        )
        if comparison.pairs:
            found.append(comparison)
    return found


def batches(
    found: Sequence[StepComparison], *, size: int, max_pairs: int, padding_id: int, rng: Random
) -> Iterator[Batch]:
    """Yields endless batches of `size` comparisons, with at most `max_pairs` from each so that no node dominates."""
    while True:
        order = rng.sample(found, len(found))
        for start in range(0, len(order), size * POOL_BATCHES):
            pool = sorted(order[start : start + size * POOL_BATCHES], key=_longest)
            groups = [pool[at : at + size] for at in range(0, len(pool), size)]
            rng.shuffle(groups)
            for group in groups:
                yield _join(group, max_pairs, padding_id, rng)


def _longest(comparison: StepComparison) -> int:
    return max(map(len, comparison.texts))


def _join(found: Sequence[StepComparison], max_pairs: int, padding_id: int, rng: Random) -> Batch:
    """Keeps only the texts that occur in a drawn pair."""
    texts: list[tuple[int, ...]] = []
    better: list[int] = []
    worse: list[int] = []
    for comparison in found:
        pairs = comparison.pairs
        drawn = rng.sample(pairs, min(max_pairs, len(pairs)))
        children = sorted({child for pair in drawn for child in pair})
        row = {child: len(texts) + index for index, child in enumerate(children)}
        texts += [comparison.texts[child] for child in children]
        better += [row[child] for child, _ in drawn]
        worse += [row[child] for _, child in drawn]
    token_ids, last = pad(texts, padding_id)
    return Batch(token_ids=token_ids, last=last, better=torch.tensor(better), worse=torch.tensor(worse))


def pad(texts: Sequence[Sequence[int]], padding_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns `token_ids` and `last` of a Batch."""
    token_ids = torch.full((len(texts), max(map(len, texts))), padding_id)
    for row, text in enumerate(texts):
        token_ids[row, : len(text)] = torch.tensor(text)
    return token_ids, torch.tensor([len(text) - 1 for text in texts])
