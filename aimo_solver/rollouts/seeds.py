"""Seeds: one per rollout, turn, step and selection, computed from the base seed and the place alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def rollout_seed(*, base_seed: int, run: int, problem_id: str, rollout: int) -> int:
    """Returns a seed in 0 .. 2**31 - 1; two rollouts of a run share one with a probability of 1 in 2**31."""
    return _seed(f"{base_seed}/{run}/{rollout}/{problem_id}")


def selection_seed(base_seed: int, run: int, problem_id: str) -> int:
    """Returns the seed for choosing among a problem's answers, unrelated to the seeds of its rollouts."""
    return _seed(f"{base_seed}/{run}/selection/{problem_id}")


def turn_seed(seed: int, turn: int) -> int:
    """Returns the seed of a rollout's turn: turns must not repeat each other's random numbers."""
    return (seed + turn * 0x9E3779B1) % 2**31


def step_seed(seed: int, place: Sequence[int], sample: int) -> int:
    """Returns the seed of a step that is sampled at the node at `place`: the index of a child at each level."""
    return _seed(f"{seed}/{'.'.join(map(str, place))}/{sample}")


def _seed(place: str) -> int:
    return int.from_bytes(hashlib.blake2b(place.encode(), digest_size=4).digest(), "big") >> 1
