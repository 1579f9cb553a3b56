"""Workload: how long a model's rollouts are, and how fast they run side by side.

A policy that plans needs both before the first token; what the run itself shows then corrects
them. Speed tables are measured where they can be; each row says where its number is from.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aimo_solver.errors import InputError

FASTEST: Final = 10_000.0
"""Tokens/s of one stream, beyond every engine there is."""
SPEED_TABLES: Final = Path(__file__).parents[1] / "config" / "speed_tables"


@dataclass(frozen=True, slots=True)
class SpeedTable:
    """Tokens/s of one stream against the streams that run at once.

    Between two rows the seconds a token takes grow evenly with the streams, as they do while a
    card reads its weights once for all of them; beyond the last row they go on growing as between
    the last two; before the first row they are the first row's.
    """

    name: str
    streams: tuple[int, ...]
    tokens_per_second: tuple[float, ...]
    """Of one stream."""
    sources: tuple[str, ...]
    """Where each row is from; "unmeasured" where it is a guess."""

    def __post_init__(self) -> None:
        if not self.streams or len({len(self.streams), len(self.tokens_per_second), len(self.sources)}) != 1:
            raise InputError(f"speed table {self.name}: streams, tokens_per_second and sources must be equally long")
        if any(later <= earlier for earlier, later in zip((0, *self.streams), self.streams, strict=False)):
            raise InputError(f"speed table {self.name}: streams must grow from 1 on, got {self.streams!r}")
        if not all(0 < speed <= FASTEST for speed in self.tokens_per_second):
            raise InputError(
                f"speed table {self.name}: tokens_per_second must be positive and at most {FASTEST:,.0f}, "
                f"got {self.tokens_per_second!r}"
            )

    def per_stream(self, streams: float) -> float:
        """Tokens/s of each of so many streams."""
        return 1.0 / self.token_seconds(streams)

    def token_seconds(self, streams: float) -> float:
        """Seconds a token takes each of so many streams."""
        if streams <= self.streams[0] or len(self.streams) == 1:
            return 1.0 / self.tokens_per_second[0]
        right = min(bisect_right(self.streams, streams), len(self.streams) - 1)
        low, high = self.streams[right - 1], self.streams[right]
        at_low, at_high = 1.0 / self.tokens_per_second[right - 1], 1.0 / self.tokens_per_second[right]
        # A table whose last rows speed up must not fall to zero beyond them.
        return max(at_low + (at_high - at_low) * (streams - low) / (high - low), min(at_low, at_high))


@dataclass(frozen=True, slots=True)
class Workload:
    """What the rollouts of a model on a card are like."""

    rollout_tokens: float
    """Mean length."""
    speeds: SpeedTable

    def __post_init__(self) -> None:
        if not self.rollout_tokens > 0:  # NaN is refused too.
            raise InputError(f"rollout_tokens must be positive, got {self.rollout_tokens!r}")

    def seconds(self, streams: float) -> float:
        """What a mean rollout takes beside so many others."""
        return self.rollout_tokens * self.speeds.token_seconds(streams)


def load_speed_table(name_or_file: str) -> SpeedTable:
    """A shipped speed table by name, or one from a TOML file. Raises InputError."""
    path = Path(name_or_file) if name_or_file.endswith(".toml") else SPEED_TABLES / f"{name_or_file}.toml"
    if not path.is_file():
        names = ", ".join(sorted(known.stem for known in SPEED_TABLES.glob("*.toml")))
        raise InputError(f"speed table must be one of {names}, or a .toml file, got {name_or_file!r}")
    try:
        rows: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8")).get("row", [])
        return SpeedTable(
            path.stem,
            tuple(int(row["streams"]) for row in rows),
            tuple(float(row["tokens_per_second"]) for row in rows),
            tuple(str(row["source"]) for row in rows),
        )
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: every [[row]] must have streams, tokens_per_second and source: {error}") from error
