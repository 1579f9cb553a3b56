"""Randomness: what would come from the system's random numbers is the same in every session.

Covers `random` with and without a seed, `numpy.random`, `secrets`, `uuid4` and `os.urandom`. Does not cover
processes that a cell forks, which Python seeds from the system, nor the addresses of objects: the order of
a set of objects that are hashed by their address may differ.
"""

from __future__ import annotations

import os
import random

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SEED = 1
_SEED_BYTES = 32


def make_repeatable() -> None:
    """Replaces the system's random numbers in this process by a sequence that is always the same. Call it once."""
    random_bytes = random.Random(_SEED).randbytes
    seed = random.Random.seed

    def repeatable_seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        seed(self, int.from_bytes(random_bytes(_SEED_BYTES), "big") if a is None else a, version)

    # numpy's generators, `secrets` and `uuid4` all ask one of these two names.
    os.__dict__["urandom"] = random.__dict__["_urandom"] = random_bytes
    random.Random.seed = repeatable_seed
    generator: random.Random = random.__dict__["_inst"]
    random.seed = generator.seed
    random.seed(0)
