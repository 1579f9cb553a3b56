"""SpeedTable and Workload: how fast rollouts run side by side, and how long they are.

A policy that plans needs both before the first token; the run itself then corrects them. Speed
tables are measured where possible; each row names the source of its figure.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from dataclasses import KW_ONLY, dataclass
from typing import Any, Final

from aimo_solver.config.shipped import SPEED_TABLES, find_shipped
from aimo_solver.errors import InputError

MAX_TOKENS_PER_SECOND: Final = 10_000.0
"""Per stream: faster than any engine."""


@dataclass(frozen=True, slots=True)
class SpeedTable:
    """Tokens/s of one stream, by the number of streams that run at once.

    Between two rows the seconds per token grow linearly with the streams, as they do while a GPU
    reads its weights once for all of them; beyond the last row they grow as between the last two;
    before the first row they are the first row's.
    """

    name: str
    _: KW_ONLY
    streams: tuple[int, ...]
    tokens_per_second: tuple[float, ...]
    """Of one stream, one figure per row."""
    sources: tuple[str, ...]
    """The source of each row; "unmeasured" means a guess."""

    def __post_init__(self) -> None:
        if not self.streams or len({len(self.streams), len(self.tokens_per_second), len(self.sources)}) != 1:
            raise InputError(f"speed table {self.name}: streams, tokens_per_second and sources must be equally long")
        if any(later <= earlier for earlier, later in zip((0, *self.streams), self.streams, strict=False)):
            raise InputError(f"speed table {self.name}: streams must increase, from 1 on, got {self.streams!r}")
        if not all(0 < speed <= MAX_TOKENS_PER_SECOND for speed in self.tokens_per_second):
            raise InputError(
                f"speed table {self.name}: tokens_per_second must be positive "
                f"and at most {MAX_TOKENS_PER_SECOND:,.0f}, got {self.tokens_per_second!r}"
            )

    def per_stream(self, streams: float) -> float:
        """Returns the tokens/s of one stream when `streams` run at once."""
        return 1.0 / self.token_seconds(streams)

    def token_seconds(self, streams: float) -> float:
        """Returns the seconds per token of one stream when `streams` run at once."""
        if streams <= self.streams[0] or len(self.streams) == 1:
            return 1.0 / self.tokens_per_second[0]
        right = min(bisect_right(self.streams, streams), len(self.streams) - 1)
        low, high = self.streams[right - 1], self.streams[right]
        at_low, at_high = 1.0 / self.tokens_per_second[right - 1], 1.0 / self.tokens_per_second[right]
        # A table whose last rows speed up must not fall to zero beyond them.
        return max(at_low + (at_high - at_low) * (streams - low) / (high - low), min(at_low, at_high))


@dataclass(frozen=True, slots=True)
class Workload:
    """What a model's rollouts take on one kind of machine."""

    rollout_tokens: float
    """Mean length of a rollout."""
    speeds: SpeedTable

    def __post_init__(self) -> None:
        if not self.rollout_tokens > 0:  # NaN is refused too.
            raise InputError(f"rollout_tokens must be positive, got {self.rollout_tokens!r}")

    def seconds(self, streams: float) -> float:
        """Returns the seconds that a mean rollout takes when `streams` run at once."""
        return self.rollout_tokens * self.speeds.token_seconds(streams)


def load_speed_table(name_or_file: str) -> SpeedTable:
    """Reads a shipped speed table by name, or one from a TOML file. Raises InputError."""
    path = find_shipped(name_or_file, SPEED_TABLES, noun="speed table")
    try:
        rows: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8")).get("row", [])
        return SpeedTable(
            path.stem,
            streams=tuple(int(row["streams"]) for row in rows),
            tokens_per_second=tuple(float(row["tokens_per_second"]) for row in rows),
            sources=tuple(str(row["source"]) for row in rows),
        )
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: every [[row]] must have streams, tokens_per_second and source: {error}") from error
