"""Stop tables: what dynamic programming over logged samples found about when to stop.

A JSON file that `aimo learn-table` writes. Its unit of time is u, what a mean rollout takes beside
five others, so that a table learnt on one card serves on another. A table is read whole or refused
in one sentence.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aimo_solver.errors import InputError
from aimo_solver.utils.files import read_text, write_text

STOP_TABLES: Final = Path(__file__).parents[1] / "config" / "stop_tables"
NOTHING_YET = "-"
"""The state before the first rollout has finished."""
NO_ROW = -1
UNSEEN = -2
_ROUNDING = 1e-9
"""A moment asked for by its own index must be found there again."""


@dataclass(frozen=True, slots=True)
class StopTable:
    """For each share of the time: how many rollouts, and in which states to stop."""

    shares: tuple[float, ...]
    """In u, growing: where the next row begins. A row is a price of time; more time, a lower price."""
    widths: tuple[int, ...]
    """Rollouts a problem, one a row: one more than `shares`."""
    step: float
    """Between two moments, in u."""
    stop_up_to: Mapping[int, Mapping[str, tuple[int, ...]]]
    """By width and state, at each moment: the last row in which to stop, NO_ROW or UNSEEN."""

    def row(self, share: float) -> int:
        """The row for a problem whose share is so many u."""
        return bisect_right(self.shares, share)

    def review(self, row: int, state: str, moment: float) -> tuple[bool, float | None]:
        """Whether to stop in this state after so many u, and if not, the moment to ask again.

        KeyError: no logged group was in this state at that time.
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
    """How a table names a state: the leader's votes, the runner-up's, and all votes."""
    return f"{votes}-{runner_up}-{answered}"


def find_stop_table(name_or_file: str) -> Path:
    """A shipped table by name, or a .json file."""
    if name_or_file.endswith(".json"):
        return Path(name_or_file)
    path = STOP_TABLES / f"{name_or_file}.json"
    if not path.is_file():
        names = ", ".join(sorted(known.stem for known in STOP_TABLES.glob("*.json")))
        raise InputError(f"table must be one of {names}, or a .json file, got {name_or_file!r}")
    return path


def load_stop_table(path: Path) -> StopTable:
    """Raises InputError."""
    text = read_text(path, "a stop table, as `aimo learn-table` writes it")
    try:
        content: dict[str, Any] = json.loads(text)
        table = StopTable(
            tuple(float(share) for share in content["shares"]),
            tuple(int(width) for width in content["widths"]),
            float(content["step"]),
            {
                int(width): {state: tuple(map(int, rows)) for state, rows in states.items()}
                for width, states in content["stop_up_to"].items()
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not a stop table ({error!r}); write one with aimo learn-table") from error
    rows = len(table.shares) + 1
    if len(table.widths) != rows or not table.step > 0 or not set(table.widths) <= set(table.stop_up_to):
        raise InputError(f"{path}: its rows, widths and states do not fit; write it with aimo learn-table")
    return table


def write_stop_table(table: StopTable, path: Path) -> None:
    """Raises InputError."""
    content = {
        "shares": table.shares,
        "widths": table.widths,
        "step": table.step,
        "stop_up_to": {str(width): dict(states) for width, states in table.stop_up_to.items()},
    }
    write_text(path, json.dumps(content) + "\n")
