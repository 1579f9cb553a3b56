"""RunOptions: everything a run is made of, checked before a model is loaded.

Guarantees: what a preset, a checkpoint, a card and a limit say against one another is one sentence
here, not a failure minutes later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from aimo_solver.config.settings import CodeMode, Hardware, PolicySettings, Preset, load_preset
from aimo_solver.dialects import find_dialect
from aimo_solver.engine.checkpoint import check_checkpoint, check_one_label, check_same_vocabulary
from aimo_solver.engine.hardware import check_hardware
from aimo_solver.errors import InputError
from aimo_solver.policies import make_policy
from aimo_solver.policies.adjusted import AdjustedPolicy
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Policy
from aimo_solver.problems.problem import AnswerRule, answer_rule
from aimo_solver.runs.replay import RunLimits
from aimo_solver.utils.paths import DEMO_PPM
from aimo_solver.voting import TieBreak, find_vote_rule

DEFAULT_LIMIT_SECONDS = 5 * 3600.0
DEFAULT_RESERVE_SECONDS = 30.0
STUDY_LIMIT_SECONDS = 7 * 24 * 3600.0
"""A study has no clock to beat."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Everything a run is made of."""

    model: Path
    preset: Preset
    hardware: Hardware
    rule: AnswerRule
    seed: int
    limits: RunLimits


def run_options(
    *,
    model: Path,
    preset: str,
    hardware: str,
    edition: str,
    seed: int,
    limit_seconds: float,
    fallback: int = 0,
    rollouts: int | None = None,
    policy: str | None = None,
    early_stop: bool = True,
    code: CodeMode | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> RunOptions:
    """The options, all checked. Raises InputError."""
    check_checkpoint(model)
    chosen = load_preset(preset)
    policy_settings = chosen.policy
    if policy is not None and policy != policy_settings.name:  # The other's settings are its own.
        policy_settings = PolicySettings(policy, policy_settings.rollouts)
    policy_settings = replace(policy_settings, early_stop=early_stop and chosen.policy.early_stop)
    if rollouts is not None:
        policy_settings = replace(policy_settings, rollouts=rollouts)
    changes = {"code": code, "temperature": temperature, "max_tokens": max_tokens}
    chosen = replace(
        chosen,
        policy=policy_settings,
        rollout=replace(chosen.rollout, **{name: value for name, value in changes.items() if value is not None}),
    )
    reserve_seconds = min(DEFAULT_RESERVE_SECONDS, 0.05 * limit_seconds)
    Ledger(0.0, limit_seconds, reserve_seconds)  # Refuses a limit that cannot be.
    _check_preset(chosen, preset)  # Before the driver is asked for cards.
    options = RunOptions(
        model,
        chosen,
        check_hardware(hardware, model),
        answer_rule(edition).with_fallback(fallback),
        seed,
        RunLimits(limit_seconds, reserve_seconds),
    )
    _check_together(options)
    return options


def _check_together(options: RunOptions) -> None:
    """What model, scorer and hardware say against one another."""
    check_checkpoint(options.model)
    scorer = scorer_path(options.preset)
    if scorer is not None:
        check_checkpoint(scorer)
        check_one_label(scorer)
        check_same_vocabulary(options.model, scorer)
    require_speculation_works(options)


def require_speculation_works(options: RunOptions) -> None:
    """Raises InputError for speculation that would draw other tokens than the model's own.

    vLLM 0.32 loses the temperature there on a CPU (`_expand_kernel_impl` rounds it to an integer), so
    that a sampled rollout is noise; a greedy one is right.
    """
    on_cpu = options.hardware.cpu_kvcache_gib is not None
    if options.hardware.speculative and on_cpu and options.preset.rollout.temperature > 0:
        raise InputError(
            f"temperature must be 0 with speculation on a CPU, got {options.preset.rollout.temperature:g}: "
            "vLLM's CPU build draws wrong tokens otherwise"
        )


def require_one_engine(wanted: Sequence[RunOptions]) -> None:
    """Raises InputError, before anything is loaded, for methods that cannot share an engine, a scorer and a sandbox."""
    told: dict[str, set[Any]] = {
        "model": {options.model for options in wanted},
        "hardware": {str(options.hardware) for options in wanted},
        "scorer": {scorer_path(options.preset) for options in wanted} - {None},
        "sandbox_memory_bytes": {options.preset.sandbox_memory_bytes for options in wanted},
    }
    for name, values in told.items():
        if len(values) > 1:
            got = ", ".join(sorted(map(str, values)))
            raise InputError(f"methods that share an engine must have one {name}, got {got}; measure them apart")


def described_options(options: RunOptions) -> dict[str, Any]:
    """As a run folder's settings.toml holds them."""
    return asdict(options) | {"model": str(options.model)}


def logged_options(settings: Mapping[str, Any], path: Path) -> RunOptions:
    """The options a run folder's settings.toml tells of. Raises InputError."""
    try:
        options = RunOptions(
            model=Path(settings["model"]),
            preset=TypeAdapter(Preset).validate_python(settings["preset"]),
            hardware=TypeAdapter(Hardware).validate_python(settings["hardware"]),
            rule=AnswerRule(**settings["rule"]),
            seed=int(settings["seed"]),
            limits=RunLimits(**settings["limits"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: its settings cannot be gone on with: {error}") from None
    _check_preset(options.preset, str(path))
    _check_together(options)
    return options


def chosen_policy(settings: PolicySettings) -> Policy:
    """The policy by name, with what its user wants otherwise."""
    policy = make_policy(settings.name, settings.settings)
    return AdjustedPolicy(
        policy, settings.rollouts, settings.concurrent, settings.tokens, early_stop=settings.early_stop
    )


def _check_preset(preset: Preset, name: str) -> None:
    try:
        find_dialect(preset.dialect)
        chosen_policy(preset.policy)
        if preset.tie_break not in set(TieBreak):
            raise InputError(f"tie_break must be one of {', '.join(TieBreak)}, got {preset.tie_break!r}")
        if find_vote_rule(preset.vote).needs_logprobs and not preset.rollout.logprobs:
            raise InputError(f"vote {preset.vote} needs log-probabilities; set logprobs = 20 in [rollout]")
        for key in ("waits", "deepconf"):
            if preset.search is not None and getattr(preset.rollout, key):
                raise InputError(f"{key} has no meaning for a search's steps; leave it out of [rollout], or [search]")
        if preset.rollout.deepconf is not None and not preset.rollout.logprobs:
            raise InputError("deepconf needs log-probabilities; set logprobs = 20 in [rollout]")
    except InputError as error:
        raise InputError(f"preset {name}: {error}") from None


def scorer_path(preset: Preset) -> Path | None:
    """The folder of the search's scorer; `demo` is the demo model's."""
    name = preset.search.scorer if preset.search is not None else None
    return None if name is None else DEMO_PPM if name == "demo" else Path(name)
