"""Time policies: how much a problem gets and when to stop, one policy a file, stopping rules beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from aimo_solver.errors import InputError
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.policies.policy import Policy

POLICIES: Final[Mapping[str, type[NemoSkillsPolicy]]] = {"nemoskills": NemoSkillsPolicy}


def make_policy(name: str, settings: Mapping[str, Any]) -> Policy:
    """The policy of that name. Raises InputError that lists what there is."""
    if name not in POLICIES:
        raise InputError(f"policy must be one of {', '.join(POLICIES)}, got {name!r}")
    known = {field.name: field for field in fields(POLICIES[name])}
    for key, value in settings.items():
        if key not in known:
            raise InputError(f"policy {name} has no setting {key!r}; it has {', '.join(known)}")
        default = known[key].default
        wanted = (int, float) if isinstance(default, float) else type(default)
        if not isinstance(value, wanted) or isinstance(value, bool) is not isinstance(default, bool):
            raise InputError(f"policy setting {key} must be of type {type(default).__name__}, got {value!r}")
    return POLICIES[name](**settings)
