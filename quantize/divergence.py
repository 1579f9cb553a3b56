"""Divergence: how far one model's next-token distributions are from another's, on the same text.

Engines report only the likeliest tokens. Tokens that both report are kept, all others are merged into
one outcome. Merging outcomes can only lower the divergence, so the figure is a lower bound, and a close
one where the reported tokens hold nearly all the probability.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

NextTokens = Sequence[Mapping[int, float]]
"""The likeliest next tokens at each position: token id -> log-probability (nats)."""
_MIN_PROBABILITY = 1e-9
"""Anything smaller is a rounding error."""


def mean_divergence(base: Sequence[NextTokens], other: Sequence[NextTokens]) -> float | None:
    """Returns the mean KL(base || other) per position, in nats; None without positions.

    Both hold the same texts and positions in the same order.
    """
    values = [
        divergence(of_base, of_other)
        for base_text, other_text in zip(base, other, strict=True)
        for of_base, of_other in zip(base_text, other_text, strict=True)
    ]
    return math.fsum(values) / len(values) if values else None


def divergence(base: Mapping[int, float], other: Mapping[int, float]) -> float:
    """Returns a lower bound of KL(base || other), in nats."""
    common = base.keys() & other.keys()
    p = [math.exp(base[token]) for token in common]
    q = [math.exp(other[token]) for token in common]
    p_rest, q_rest = max(_MIN_PROBABILITY, 1 - math.fsum(p)), max(_MIN_PROBABILITY, 1 - math.fsum(q))
    kept = math.fsum(one * math.log(one / max(two, _MIN_PROBABILITY)) for one, two in zip(p, q, strict=True) if one > 0)
    return max(0.0, kept + p_rest * math.log(p_rest / q_rest))
