"""A problem family: how its problems are drawn, worded, solved in Python, reasoned about and checked.

Guarantees: `brute_force` shares no code with `programs` or `steps`, so the answers that judge the model are
independent of the traces that teach it.
Not guaranteed: that a drawn problem is new; callers that need fresh numbers compare texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

Params = Mapping[str, int | str]

_SLOT = re.compile(r"@([a-z]+)")


def fill(template: str, params: Params) -> str:
    """Replaces each `@name` in the template by that parameter; an unknown name raises KeyError."""
    return _SLOT.sub(lambda match: str(params[match[1]]), template)


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of problem. Templates hold parameters as `@name` (lower-case letters only)."""

    name: str
    topic: str
    level: int
    """1 (easy) .. 5 (hard)."""
    draw: Callable[[Random], Params]
    """Draws parameters; each appears in every wording or is derived from those that do."""
    wordings: tuple[str, ...]
    """Statements seen in training."""
    unseen_wordings: tuple[str, ...]
    """Statements kept out of training, for the demo set."""
    thoughts: tuple[str, ...]
    """What to think before writing code, each a short sentence."""
    programs: tuple[str, ...]
    """Python programs that print the answer as their last line."""
    steps: Callable[[Params], str]
    """A short chain of thought that leads to the answer without code."""
    brute_force: Callable[[Params], int]
    """Computes the answer in an independent, preferably simpler way; 0 <= answer <= 99999."""
