"""Text: small parts of sentences."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """Returns the count and its noun: "1 rollout", "1,200 rollouts"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
