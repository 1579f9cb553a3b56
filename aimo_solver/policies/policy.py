"""The Policy protocol: pure functions of the ledger and of a problem's progress.

The simulator and the kernel run the same object: a policy keeps no state and reads no clock.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import KW_ONLY, dataclass, fields, replace
from enum import StrEnum
from typing import Protocol, TypeVar, runtime_checkable

from aimo_solver.config.policy_settings import OwnSettings
from aimo_solver.policies.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Grant:
    """What a policy gives one problem."""

    seconds: float
    """From the problem's start to its deadline, including the flush."""
    rollouts: int
    concurrent: int
    """Rollouts that run at once, at most."""
    _: KW_ONLY
    max_tokens: int | None = None
    """Tokens per problem, all its rollouts together; None means no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The state of a problem when the policy reviews it."""

    now: float
    """Loop time, seconds."""
    started_at: float
    deadline: float
    answers: tuple[int | None, ...]
    """One per finished rollout, in the order they finished; None for a rollout without an answer."""
    running: int
    waiting: int
    """Granted rollouts that have not begun."""
    settled: int | None = None
    """The answer that wins whatever the other rollouts answer, by the vote in use; None where none is known to."""

    @property
    def votes(self) -> Counter[int]:
        return Counter(answer for answer in self.answers if answer is not None)

    @property
    def rollouts(self) -> int:
        return len(self.answers) + self.running + self.waiting


class Action(StrEnum):
    """What the solver should do."""

    CONTINUE = "continue"
    STOP = "stop"
    """The vote is good enough: cancel the rollouts that still run."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy decides about a problem in progress."""

    action: Action
    reason: str = ""
    """For the log: the rule that decided."""
    review_at: float | None = None
    """Loop time of the next review, even if nothing happens; None means when a rollout finishes."""


class Policy(Protocol):
    """Shares time between problems and stops rollouts. Pure."""

    def grant(self, ledger: Ledger, now: float) -> Grant:
        """Returns what the next problem gets. `now` is loop time."""
        ...

    def review(self, progress: Progress, ledger: Ledger) -> Decision:
        """Decides whether the problem continues. `ledger` is the account before this problem."""
        ...


@runtime_checkable
class ScalablePolicy(Policy, Protocol):
    """A policy whose settings are seconds, chosen for a contest of one length."""

    @property
    def contest_share_seconds(self) -> float:
        """Seconds per problem in the contest its settings were chosen for."""
        ...

    def scaled(self, factor: float) -> Policy:
        """Returns the same policy with its seconds multiplied."""
        ...


T = TypeVar("T", bound=OwnSettings)


def scaled_seconds(settings: T, factor: float) -> T:
    """Returns the settings with every one that is in seconds multiplied."""
    names = [field.name for field in fields(settings) if "seconds" in field.name]
    return replace(settings, **{name: getattr(settings, name) * factor for name in names})
