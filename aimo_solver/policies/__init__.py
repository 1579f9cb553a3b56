"""Time policies: how much a problem gets and when to stop, one policy a file, stopping rules beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from aimo_solver.errors import InputError
from aimo_solver.policies.adaptive import AdaptivePolicy
from aimo_solver.policies.aimo3_public import Aimo3PublicPolicy
from aimo_solver.policies.fixed import FixedPolicy
from aimo_solver.policies.imagination import ImaginationPolicy
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.policies.numina import NuminaPolicy
from aimo_solver.policies.policy import Policy
from aimo_solver.policies.speed_table import Workload, load_speed_table
from aimo_solver.policies.stop_table import find_stop_table, load_stop_table
from aimo_solver.policies.table import TablePolicy

POLICIES: Final[Mapping[str, type[Any]]] = {
    "fixed": FixedPolicy,
    "numina": NuminaPolicy,
    "nemoskills": NemoSkillsPolicy,
    "imagination": ImaginationPolicy,
    "aimo3-public": Aimo3PublicPolicy,
    "adaptive": AdaptivePolicy,
    "table": TablePolicy,
}
WORKLOAD_DEFAULTS: Final[Mapping[str, Any]] = {"rollout_tokens": 10_000.0, "speed_table": "h100"}
"""What a policy that plans believes of its rollouts when its settings do not say."""


def make_policy(name: str, settings: Mapping[str, Any], workload: Workload | None = None) -> Policy:
    """The policy of that name. A policy that plans takes `workload`, or what its settings say of one.

    Raises InputError that lists what there is.
    """
    if name not in POLICIES:
        raise InputError(f"policy must be one of {', '.join(POLICIES)}, got {name!r}")
    if name == "table":
        return _table_policy(settings, workload)
    kind: Any = POLICIES[name]
    defaults = {field.name: field.default for field in fields(kind)}
    plans = defaults.pop("workload", None) is not None
    if plans:
        defaults |= WORKLOAD_DEFAULTS
    for key, value in settings.items():
        if key not in defaults:
            raise InputError(f"policy {name} has no setting {key!r}; it has {', '.join(defaults)}")
        _check_type(key, value, defaults[key])
    if not plans:
        return kind(**settings)
    own = {key: value for key, value in settings.items() if key not in WORKLOAD_DEFAULTS}
    return kind(workload=workload or _workload(settings), **own)


def _table_policy(settings: Mapping[str, Any], workload: Workload | None) -> Policy:
    file = settings.get("file")
    if not isinstance(file, str):
        raise InputError(f"policy table needs the setting file, a table that aimo learn-table wrote, got {file!r}")
    others = {key: value for key, value in settings.items() if key != "file"}
    otherwise = make_policy("adaptive", others, workload)
    assert isinstance(otherwise, AdaptivePolicy)
    return TablePolicy(load_stop_table(find_stop_table(file)), otherwise)


def _check_type(key: str, value: Any, default: Any) -> None:
    wanted = (int, float) if isinstance(default, float) else type(default)
    if not isinstance(value, wanted) or isinstance(value, bool) is not isinstance(default, bool):
        raise InputError(f"policy setting {key} must be of type {type(default).__name__}, got {value!r}")


def _workload(settings: Mapping[str, Any]) -> Workload:
    chosen = {key: settings.get(key, default) for key, default in WORKLOAD_DEFAULTS.items()}
    return Workload(float(chosen["rollout_tokens"]), load_speed_table(chosen["speed_table"]))
