"""A policy's own settings, as a preset's file would give them."""

from __future__ import annotations

from collections.abc import Mapping

from aimo_solver.config.policy_settings import OwnSettings
from aimo_solver.config.settings import Preset, checked


def own_settings(name: str, settings: Mapping[str, object] | None = None) -> OwnSettings:
    """Reads `[policy.settings]` of the policy with this name. Raises InputError."""
    return checked(Preset, {"policy": {"name": name, "settings": settings or {}}}, "mine.toml").policy.settings
