"""Seeds: every rollout's own, and every selection's, from the base seed and their place alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def rollout_seed(base_seed: int, run: int, problem_id: str, rollout: int) -> int:
    """A seed in 0 .. 2**31 - 1 that no other rollout of the run shares, but by a one in 2**31 chance."""
    return _seed(f"{base_seed}/{run}/{rollout}/{problem_id}")


def selection_seed(base_seed: int, run: int, problem_id: str) -> int:
    """The seed for choosing among a problem's answers; as unlike any rollout's as those are to one another."""
    return _seed(f"{base_seed}/{run}/selection/{problem_id}")


def turn_seed(seed: int, turn: int) -> int:
    """The seed of a rollout's turn: turns must not repeat one another's random numbers."""
    return (seed + turn * 0x9E3779B1) % 2**31


def step_seed(seed: int, place: Sequence[int], sample: int) -> int:
    """The seed of a tree's step: `place` is the way to its node, child by child."""
    return _seed(f"{seed}/{'.'.join(map(str, place))}/{sample}")


def _seed(place: str) -> int:
    return int.from_bytes(hashlib.blake2b(place.encode(), digest_size=4).digest(), "big") >> 1
