"""Renamed keys: reads the presets of run folders that were written before a setting was renamed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

_RENAMED: Final[Mapping[tuple[str, ...], Mapping[str, str]]] = {
    ("policy",): {"tokens": "max_tokens"},
    ("policy", "settings"): {
        "least_seconds": "min_seconds",
        "most_seconds": "max_seconds",
        "most_doubt": "max_doubt",
    },
    ("genselect",): {
        "candidates": "max_candidates",
        "most_margin": "max_margin",
        "least_seconds": "min_seconds",
    },
}
"""By table: old keys and their present names."""


def with_current_keys(preset: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the preset of an older run folder with every key under its present name."""
    return _with_current_keys(preset, ())


def _with_current_keys(table: Mapping[str, Any], place: tuple[str, ...]) -> dict[str, Any]:
    renamed = _RENAMED.get(place, {})
    return {
        renamed.get(key, key): _with_current_keys(cast(Mapping[str, Any], value), (*place, key))
        if isinstance(value, Mapping)
        else value
        for key, value in table.items()
    }
