"""The Policy protocol: pure functions of the ledger and of a problem's progress.

The simulator and the kernel run the same object, so a policy keeps no state and reads no clock.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Protocol, TypeVar, runtime_checkable

from aimo_solver.errors import InputError
from aimo_solver.policies.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Grant:
    """What a policy gives one problem."""

    seconds: float
    """From the problem's start to its last moment, flush included."""
    rollouts: int
    concurrent: int
    """How many may run at once."""
    tokens: int | None = None
    """The most that all its rollouts may generate together; None: no limit."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A problem's state when the policy is asked."""

    now: float
    """Loop time, seconds."""
    started_at: float
    deadline: float
    answers: tuple[int | None, ...]
    """One a finished rollout, in the order they finished."""
    running: int
    waiting: int
    """Granted rollouts not begun yet."""

    @property
    def votes(self) -> Counter[int]:
        return Counter(answer for answer in self.answers if answer is not None)

    @property
    def rollouts(self) -> int:
        return len(self.answers) + self.running + self.waiting


class Action(StrEnum):
    """What the solver should do."""

    GO_ON = "go_on"
    STOP = "stop"
    """The vote is good enough: cancel the rest."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A policy's word on a problem's progress."""

    action: Action
    reason: str = ""
    """For the log: which rule said so."""
    review_at: float | None = None
    """Loop time at which to ask again even if nothing happens; None: when a rollout finishes."""


class Policy(Protocol):
    """Shares time between problems and stops rollouts. Pure."""

    def grant(self, ledger: Ledger, now: float) -> Grant: ...

    def review(self, progress: Progress, ledger: Ledger) -> Decision: ...


@runtime_checkable
class ScalablePolicy(Policy, Protocol):
    """A policy with absolute seconds, made for a contest of another length."""

    @property
    def contest_share_seconds(self) -> float:
        """Of one problem in the contest its seconds were chosen for."""
        ...

    def scaled(self, factor: float) -> Policy:
        """The same policy with its seconds multiplied."""
        ...


def require_positive(settings: object, *names: str) -> None:
    """Raises InputError for a setting that is not a finite number above 0."""
    for name in names:
        value = getattr(settings, name)
        if not 0 < value < math.inf:  # NaN is refused too.
            raise InputError(f"{name} must be positive, got {value!r}")


T = TypeVar("T")


def scaled_seconds(policy: T, factor: float) -> T:
    """The policy with every setting that is in seconds multiplied."""
    settings: Any = policy
    names = [field.name for field in fields(settings) if "seconds" in field.name]
    return replace(settings, **{name: getattr(policy, name) * factor for name in names})
