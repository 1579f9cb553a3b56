"""Ledger: the run's time account.

Guarantees: pure arithmetic on what it is given; charging a problem gives a new ledger. All times
are loop times in seconds. Does not enforce anything: deadlines do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from aimo_solver.errors import InputError


@dataclass(frozen=True, slots=True)
class Ledger:
    """One total limit that holds set-up, loading, every problem and a final reserve."""

    started_at: float
    """Loop time at which the limit's clock began, before installs and loading."""
    total_seconds: float
    reserve_seconds: float = 0.0
    """Kept back for writing the submission."""
    problems_left: int | None = None
    """None where the problems come one at a time and their number is unknown."""
    spent_seconds: tuple[float, ...] = ()
    """What each finished problem took."""

    def __post_init__(self) -> None:
        if not self.total_seconds > 0:  # NaN is refused too.
            raise InputError(f"total_seconds must be positive, got {self.total_seconds!r}")
        if not 0 <= self.reserve_seconds < self.total_seconds:
            raise InputError(f"reserve_seconds must be in [0, total_seconds), got {self.reserve_seconds!r}")

    @property
    def ends_at(self) -> float:
        """Loop time by which the last answer must be given."""
        return self.started_at + self.total_seconds - self.reserve_seconds

    def left_seconds(self, now: float) -> float:
        """What problems may still spend."""
        return max(0.0, self.ends_at - now)

    def share_seconds(self, now: float) -> float:
        """An equal share of what is left for each problem still to come."""
        return self.left_seconds(now) / max(1, self.problems_left or 1)

    def saved_seconds(self, base_seconds: float) -> float:
        """What the finished problems left of `base_seconds` each; never negative."""
        return max(0.0, base_seconds * len(self.spent_seconds) - sum(self.spent_seconds))

    def charge(self, seconds: float) -> Ledger:
        """The account after one more problem that took `seconds`."""
        left = None if self.problems_left is None else max(0, self.problems_left - 1)
        return replace(self, problems_left=left, spent_seconds=(*self.spent_seconds, max(0.0, seconds)))
