"""A problem family: how its problems are drawn, worded, solved in Python, reasoned about and checked.

Guarantees: `brute_force` never shares code with `programs` or `steps`, so that the answer that
judges the model is not the trace that taught it.
Does not guarantee that a drawn problem is new: callers that need fresh numbers compare texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

Params = Mapping[str, int | str]

_SLOT = re.compile(r"@([a-z]+)")


def fill(template: str, params: Params) -> str:
    """The template with each `@name` replaced by that parameter; an unknown name is a KeyError."""
    return _SLOT.sub(lambda match: str(params[match[1]]), template)


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of problem. Templates hold parameters as `@name` (lower-case letters only)."""

    name: str
    topic: str
    level: int
    """1 (easy) .. 5 (hard)."""
    draw: Callable[[Random], Params]
    """Fresh parameters; every one of them appears in each wording or is derived from those."""
    wordings: tuple[str, ...]
    """Statements seen in training."""
    unseen_wordings: tuple[str, ...]
    """Statements kept out of training, for the demo set."""
    thoughts: tuple[str, ...]
    """What to think before writing code: one short sentence each."""
    programs: tuple[str, ...]
    """Python programs that print the answer as their last line."""
    steps: Callable[[Params], str]
    """A short chain of thought that leads to the answer without code."""
    brute_force: Callable[[Params], int]
    """The answer, by an independent and preferably dumber way; 0 <= answer <= 99999."""
