"""Stop tables: when to stop, learnt from logged samples by dynamic programming.

A JSON file that `aimo learn-table` writes. Its unit of time is u, the time of a mean rollout beside
five others, so that a table learnt on one GPU can be used on another. A table is read whole or
refused in one sentence.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aimo_solver.config.shipped import STOP_TABLES, find_shipped
from aimo_solver.errors import InputError
from aimo_solver.utils.files import read_text, write_text

NOTHING_YET: Final = "-"
"""The state before the first rollout has finished."""
NO_ROW: Final = -1
UNSEEN: Final = -2
"""No logged group was in this state at this moment."""
_ROUNDING: Final = 1e-9
"""A moment computed from its index must give that index again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTable:
    """For each share of time: how many rollouts, and in which states to stop."""

    shares: tuple[float, ...]
    """In u, increasing: where the next row begins. A row is a price of time; the more time, the lower the price."""
    widths: tuple[int, ...]
    """Rollouts per problem, by row; one more than `shares`."""
    step: float
    """Time between two moments, in u."""
    stop_up_to: Mapping[int, Mapping[str, tuple[int, ...]]]
    """By width and state, for each moment: the last row in which to stop, NO_ROW or UNSEEN."""

    def row(self, share: float) -> int:
        """Returns the row for a problem whose share is this long, in u."""
        return bisect_right(self.shares, share)

    def review(self, row: int, state: str, moment: float) -> tuple[bool, float | None]:
        """Returns whether to stop in this state at this moment, in u, and if not, the moment of the next review.

        Raises KeyError if no logged group was in this state at that time.
        """
        rows = self.stop_up_to[self.widths[row]][state]
        now = int(moment / self.step + _ROUNDING)
        if now >= len(rows) or rows[now] == UNSEEN:
            raise KeyError(state)
        if row <= rows[now]:
            return True, None
        later = (index for index in range(now + 1, len(rows)) if row <= rows[index] or rows[index] == UNSEEN)
        index = next(later, None)
        return False, None if index is None else index * self.step


def state_name(votes: int, runner_up: int, answered: int) -> str:
    """Returns a table's name for a state: the leader's votes, the runner-up's, and all votes."""
    return f"{votes}-{runner_up}-{answered}"


def load_stop_table(name_or_file: str) -> StopTable:
    """Reads a shipped stop table by name, or one from a JSON file. Raises InputError."""
    path = find_shipped(name_or_file, STOP_TABLES, noun="table", suffix=".json")
    text = read_text(path, "a stop table, as `aimo learn-table` writes it")
    try:
        content: dict[str, Any] = json.loads(text)
        table = StopTable(
            shares=tuple(float(share) for share in content["shares"]),
            widths=tuple(int(width) for width in content["widths"]),
            step=float(content["step"]),
            stop_up_to={
                int(width): {state: tuple(map(int, rows)) for state, rows in states.items()}
                for width, states in content["stop_up_to"].items()
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not a stop table ({error!r}); write one with aimo learn-table") from error
    rows = len(table.shares) + 1
    if len(table.widths) != rows or not table.step > 0 or not set(table.widths) <= set(table.stop_up_to):
        raise InputError(f"{path}: its rows, widths and states do not match; write it with aimo learn-table")
    return table


def write_stop_table(table: StopTable, path: Path) -> None:
    """Writes the table as JSON. Raises InputError."""
    content = {
        "shares": table.shares,
        "widths": table.widths,
        "step": table.step,
        "stop_up_to": {str(width): dict(states) for width, states in table.stop_up_to.items()},
    }
    write_text(path, json.dumps(content) + "\n")
