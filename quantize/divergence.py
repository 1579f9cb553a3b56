"""Divergence: how far one model's next-token distributions are from another's, on the same text.

Engines tell the likeliest tokens only. Those that both tell of are kept, all others are one rest:
merging outcomes can only lose divergence, so that the figure is a lower bound of the true one,
and close to it where the told tokens hold nearly everything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

NextTokens = Sequence[Mapping[int, float]]
"""A position's likeliest next tokens: token id -> log-probability, nats."""
_LEAST = 1e-9
"""A rest below it is rounding."""


def mean_divergence(base: Sequence[NextTokens], other: Sequence[NextTokens]) -> float:
    """Mean KL(base || other) a position, in nats. Texts in the same order, positions in the same order."""
    values = [
        divergence(of_base, of_other)
        for base_text, other_text in zip(base, other, strict=True)
        for of_base, of_other in zip(base_text, other_text, strict=True)
    ]
    return math.fsum(values) / len(values) if values else math.nan


def divergence(base: Mapping[int, float], other: Mapping[int, float]) -> float:
    """A lower bound of KL(base || other), in nats."""
    common = base.keys() & other.keys()
    p = [math.exp(base[token]) for token in common]
    q = [math.exp(other[token]) for token in common]
    p_rest, q_rest = max(_LEAST, 1 - math.fsum(p)), max(_LEAST, 1 - math.fsum(q))
    told = math.fsum(one * math.log(one / max(two, _LEAST)) for one, two in zip(p, q, strict=True) if one > 0)
    return max(0.0, told + p_rest * math.log(p_rest / q_rest))
