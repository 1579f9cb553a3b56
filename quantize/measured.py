"""Measured: what a checkpoint costs and what its rollouts are worth, beside the base's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from aimo_solver.runs.summary import Estimate


@dataclass(frozen=True, slots=True)
class Measured:
    """A row of the table. Differences are to the base, None for the base itself."""

    label: str
    model: str
    disk_bytes: int
    weight_bytes: int | None
    """In the cards' memory; None on a CPU, where nobody can tell."""
    load_seconds: float
    tokens_per_second: float
    """Of the runs, waiting for code included."""
    streams_tokens_per_second: float
    """Of 16 streams together that run no code."""
    rollouts: int
    """A problem: the k of maj@k."""
    runs: int
    pass_at_1: Estimate | None
    pass_at_1_difference: Estimate | None
    majority: Estimate | None
    majority_difference: Estimate | None
    words: str
    """Whether the majority's difference is real."""
    divergence: float | None
    greedy_same: float | None
    """Share of prompts that both complete alike at temperature 0."""
    tokens_per_rollout: float
    code_calls_per_rollout: float
    acceptance: float | None
    """Share of the proposed tokens, where there is speculation."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
