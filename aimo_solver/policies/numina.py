"""Numina's AIMO1 winner: 48 copies of the problem, all to their end, no early stop.

Source: project-numina/aimo-progress-prize (48 candidates, 4 code rounds). Its kernel had no clock
of its own; here each problem has an equal share of the time. The rounds are the rollouts' setting.
"""

from __future__ import annotations

from dataclasses import dataclass

from aimo_solver.policies.fixed import FixedPolicy


@dataclass(frozen=True, slots=True)
class NuminaPolicy(FixedPolicy):
    """Pure, as every policy."""

    rollouts: int = 48
    concurrent: int = 48
