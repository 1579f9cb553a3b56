"""Settings of each time policy: the `[policy.settings]` of a preset. `policies/` says how they are used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pydantic import BeforeValidator, ConfigDict

from aimo_solver.config.fields import (
    KNOWN_KEYS_ONLY,
    NonNegative,
    NonNegativeInt,
    Positive,
    PositiveInt,
    PositiveShare,
    Share,
)
from aimo_solver.config.names import PolicyName, StoppingRuleName
from aimo_solver.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedSettings:
    """An equal share of the time for every problem."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY
    name: ClassVar[PolicyName] = PolicyName.FIXED

    rollouts: PositiveInt = 8
    concurrent: PositiveInt = 8
    """Rollouts that run at once, at most."""
    expected_problems: PositiveInt = 50
    """Problems in the contest, if their number is not given."""
    # In a file, an empty string also means None.
    stop: Annotated[StoppingRuleName | None, BeforeValidator(lambda value: None if value == "" else value)] = None
    """When to stop early; None means that every rollout runs to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NuminaSettings(FixedSettings):
    """Numina's AIMO1 kernel: `fixed` with 48 rollouts."""

    name: ClassVar[PolicyName] = PolicyName.NUMINA

    rollouts: PositiveInt = 48
    concurrent: PositiveInt = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class NemoSkillsSettings:
    """NVIDIA's AIMO2 kernel: a base time, and a buffer of saved time."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY
    name: ClassVar[PolicyName] = PolicyName.NEMOSKILLS

    rollouts: PositiveInt = 12
    concurrent: PositiveInt = 12
    """Rollouts that run at once, at most."""
    base_seconds: Positive = 350.0
    buffer_seconds: NonNegative = 210.0
    """Seconds that one problem may draw from what earlier ones saved, at most."""
    agree: NonNegativeInt = 4
    """Stop when this many of the first `agree_first` answers agree; 0 means never."""
    agree_first: NonNegativeInt = 5
    finished_share: PositiveShare = 5 / 6
    """Stop when this share of the rollouts has finished; 1 means never."""

    def __post_init__(self) -> None:
        if self.agree > self.agree_first:
            raise InputError(f"agree must be in 0..agree_first ({self.agree_first}), got {self.agree!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImaginationSettings:
    """imagination-research's AIMO2 kernel: caps by the number of answers, and three gears."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY
    name: ClassVar[PolicyName] = PolicyName.IMAGINATION

    rollouts: PositiveInt = 15
    slow_rollouts: PositiveInt = 10
    """Rollouts in the low gear: when less than three quarters of an equal share is left."""
    fast_rollouts: PositiveInt = 17
    """Rollouts in the high gear: when more than five quarters of an equal share is left."""
    gears_from_problem: PositiveInt = 30
    cap_seconds: Positive = 660.0
    cap_seconds_with_3_answers: Positive = 600.0
    cap_seconds_with_5_answers: Positive = 540.0
    cap_seconds_with_6_answers: Positive = 480.0
    expected_problems: PositiveInt = 50
    """Problems in the contest, if their number is not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aimo3PublicSettings:
    """The public AIMO3 kernel: a time range per problem, and a number of equal answers."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY
    name: ClassVar[PolicyName] = PolicyName.AIMO3_PUBLIC

    rollouts: PositiveInt = 8
    min_seconds: Positive = 300.0
    """Seconds per problem, also kept for each problem to come."""
    max_seconds: Positive = 900.0
    equal_answers: PositiveInt = 4
    """Stop when this many answers are equal."""
    expected_problems: PositiveInt = 50
    """Problems in the contest, if their number is not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveSettings:
    """The policy that plans; policies/adaptive.py says how these figures enter its rule."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY
    name: ClassVar[PolicyName] = PolicyName.ADAPTIVE

    narrow: PositiveInt = 3
    """Rollouts per problem, at least."""
    width: PositiveInt = 8
    """Rollouts per problem, at most, in a budget that is not ample."""
    wide: PositiveInt = 16
    """Rollouts per problem, at most, in an ample budget."""
    wide_from: Positive = 1.5
    """A budget is ample when a planned share exceeds this many times a mean rollout."""
    fit: Positive = 1.3
    """Shares that a mean rollout may take, at most."""
    risk: Positive = 0.1
    max_doubt: Positive = 0.5
    cap_shares: Positive = 4.0
    """Shares that one problem may take, at most."""
    kept_share: Share = 0.5
    """Part of each later problem's planned share that this problem may not touch."""
    prior_rollouts: Positive = 8.0
    """How many rollouts `rollout_tokens` and `speed_table` count for against what the run has shown."""
    expected_problems: PositiveInt = 50
    """Problems in the contest, if their number is not given."""
    rollout_tokens: Positive | None = None
    """Mean length of a rollout, as believed before the first problem; None means 10,000."""
    speed_table: str | None = None
    """Speed of the rollouts, as believed before the first problem: a shipped table's name or a .toml file; None means
    h100."""

    def __post_init__(self) -> None:
        if not 1 <= self.narrow <= self.width <= self.wide:
            widths = (self.narrow, self.width, self.wide)
            raise InputError(f"narrow, width and wide must not decrease, from 1 on, got {widths!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings(AdaptiveSettings):
    """`adaptive`, with stops from a table."""

    name: ClassVar[PolicyName] = PolicyName.TABLE

    file: str = ""
    """A shipped stop table's name, or a .json file. Required."""

    def __post_init__(self) -> None:
        AdaptiveSettings.__post_init__(self)  # With slots, super() means the class before they were added.
        if not self.file:
            raise InputError("policy table needs the setting file, a table that `aimo learn-table` wrote")


OwnSettings = (
    FixedSettings
    | NuminaSettings
    | NemoSkillsSettings
    | ImaginationSettings
    | Aimo3PublicSettings
    | AdaptiveSettings
    | TableSettings
)
"""The settings of one policy."""

_KINDS: Final[tuple[type[OwnSettings], ...]] = (
    FixedSettings,
    NuminaSettings,
    NemoSkillsSettings,
    ImaginationSettings,
    Aimo3PublicSettings,
    AdaptiveSettings,
    TableSettings,
)
POLICY_SETTINGS: Final[Mapping[PolicyName, type[OwnSettings]]] = {kind.name: kind for kind in _KINDS}
"""Each policy's class of settings."""
