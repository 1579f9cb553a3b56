"""Numina's AIMO1 winner: 48 copies of the problem, all run to their end, no early stop.

Source: project-numina/aimo-progress-prize (48 candidates, 4 code rounds). Its kernel had no clock;
here each problem has an equal share of the time. The code rounds are a setting of the rollouts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aimo_solver.config.policy_settings import FixedSettings, NuminaSettings
from aimo_solver.policies.fixed import FixedPolicy


@dataclass(frozen=True, slots=True)
class NuminaPolicy(FixedPolicy):
    """`FixedPolicy` with Numina's numbers. Pure, like every policy."""

    settings: FixedSettings = field(default_factory=NuminaSettings)
