"""Factory: the policy that has given settings. The only module that imports every policy."""

from __future__ import annotations

from typing import Final

from aimo_solver.config.policy_settings import (
    AdaptiveSettings,
    Aimo3PublicSettings,
    FixedSettings,
    ImaginationSettings,
    NemoSkillsSettings,
    NuminaSettings,
    OwnSettings,
    TableSettings,
)
from aimo_solver.policies.adaptive import AdaptivePolicy
from aimo_solver.policies.aimo3_public import Aimo3PublicPolicy
from aimo_solver.policies.fixed import FixedPolicy
from aimo_solver.policies.imagination import ImaginationPolicy
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.policies.numina import NuminaPolicy
from aimo_solver.policies.policy import Policy
from aimo_solver.policies.speed_table import Workload, load_speed_table
from aimo_solver.policies.stop_table import load_stop_table
from aimo_solver.policies.table import TablePolicy

DEFAULT_ROLLOUT_TOKENS: Final = 10_000.0
DEFAULT_SPEED_TABLE: Final = "h100"


def make_policy(settings: OwnSettings, workload: Workload | None = None) -> Policy:
    """Returns the policy that has these settings.

    A policy that plans takes `workload`, or else what its settings say. Raises InputError for a table that
    cannot be read.
    """
    match settings:  # A class before the one it extends.
        case NuminaSettings():
            return NuminaPolicy(settings)
        case FixedSettings():
            return FixedPolicy(settings)
        case NemoSkillsSettings():
            return NemoSkillsPolicy(settings)
        case ImaginationSettings():
            return ImaginationPolicy(settings)
        case Aimo3PublicSettings():
            return Aimo3PublicPolicy(settings)
        case TableSettings():
            return TablePolicy(
                load_stop_table(settings.file), AdaptivePolicy(workload or _workload(settings), settings)
            )
        case AdaptiveSettings():
            return AdaptivePolicy(workload or _workload(settings), settings)


def names_workload(settings: OwnSettings) -> bool:
    """Whether these settings say how long rollouts are or how fast they run."""
    return isinstance(settings, AdaptiveSettings) and (settings.rollout_tokens, settings.speed_table) != (None, None)


def _workload(settings: AdaptiveSettings) -> Workload:
    return Workload(
        settings.rollout_tokens or DEFAULT_ROLLOUT_TOKENS,
        load_speed_table(settings.speed_table or DEFAULT_SPEED_TABLE),
    )
