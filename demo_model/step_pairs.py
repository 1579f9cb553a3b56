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
from aimo_solver.engine import Tokenizer
from demo_model.step_nodes import StepNode

LEAST_DIFFERENCE = 0.5
"""Of two children's values: below it they may differ by luck."""
HELD_OUT_EVERY = 5


@dataclass(frozen=True, slots=True)
class Pair:
    """Places, in a node's texts, of a better way to go on and a worse one."""

    better: int
    worse: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One node: its texts as token ids, and the pairs among them."""

    texts: tuple[tuple[int, ...], ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Several comparisons as tensors."""

    token_ids: torch.Tensor
    """int64 of shape (texts, longest), padded on the right."""
    last: torch.Tensor
    """int64 of shape (texts,): the place of each text's last token."""
    better: torch.Tensor
    """int64 of shape (pairs,): rows of `token_ids`."""
    worse: torch.Tensor


def pairs_of(node: StepNode, least_difference: float = LEAST_DIFFERENCE) -> tuple[Pair, ...]:
    """All pairs of children whose values differ by at least so much."""
    values = [child.value for child in node.children]
    return tuple(
        Pair(better, worse)
        for better, high in enumerate(values)
        for worse, low in enumerate(values)
        if high - low >= least_difference
    )


def is_held_out(problem: str) -> bool:
    """Whether this problem is kept for trying the model: one in five, by its text alone."""
    return sha256(problem.encode()).digest()[0] % HELD_OUT_EVERY == 0


def comparisons(
    nodes: Iterable[StepNode], dialect: Dialect, tokenizer: Tokenizer, context_tokens: int
) -> list[Comparison]:
    """One for each node with pairs; of a longer text the last tokens, as a scorer reads it."""
    found: list[Comparison] = []
    for node in nodes:
        if pairs := pairs_of(node):
            path = [*dialect.encode_prompt(node.problem, tokenizer), *tokenizer.encode(node.prefix)]
            texts = ([*path, *tokenizer.encode(child.text)] for child in node.children)
            found.append(Comparison(tuple(tuple(text[-context_tokens:]) for text in texts), pairs))
    return found


def batches(found: Sequence[Comparison], size: int, most_pairs: int, padding_id: int, rng: Random) -> Iterator[Batch]:
    """Endless batches of `size` comparisons, at most `most_pairs` drawn from each: no node rules the rest."""
    while True:
        order = rng.sample(found, len(found))
        for start in range(0, len(order), size):
            thinned = [_thinned(comparison, most_pairs, rng) for comparison in order[start : start + size]]
            yield join(thinned, padding_id)


def _thinned(comparison: Comparison, most_pairs: int, rng: Random) -> Comparison:
    """At most so many pairs, and only the texts they compare."""
    pairs = comparison.pairs
    if len(pairs) > most_pairs:
        pairs = rng.sample(pairs, most_pairs)
    used = sorted({place for pair in pairs for place in (pair.better, pair.worse)})
    row = {place: index for index, place in enumerate(used)}
    return Comparison(
        tuple(comparison.texts[place] for place in used),
        tuple(Pair(row[pair.better], row[pair.worse]) for pair in pairs),
    )


def join(found: Sequence[Comparison], padding_id: int) -> Batch:
    """All their texts and pairs in one batch."""
    texts = [text for comparison in found for text in comparison.texts]
    better: list[int] = []
    worse: list[int] = []
    first = 0
    for comparison in found:
        better += [first + pair.better for pair in comparison.pairs]
        worse += [first + pair.worse for pair in comparison.pairs]
        first += len(comparison.texts)
    token_ids = torch.full((len(texts), max(map(len, texts))), padding_id)
    for row, text in enumerate(texts):
        token_ids[row, : len(text)] = torch.tensor(text)
    last = torch.tensor([len(text) - 1 for text in texts])
    return Batch(token_ids, last, torch.tensor(better), torch.tensor(worse))
