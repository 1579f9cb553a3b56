"""RunOptions: everything a run is made of, checked before a model is loaded.

Guarantees: a contradiction between preset, checkpoint, card and limit is one sentence here, not a
failure minutes later. Every command asks `preset_for` which preset goes with a checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from aimo_solver.app.dialects import load_dialect, with_dialect
from aimo_solver.app.prompts import run_prompt
from aimo_solver.config.names import CodeMode, PolicyName, find_name
from aimo_solver.config.prompt_settings import PromptSettings
from aimo_solver.config.renamed_keys import with_current_keys
from aimo_solver.config.settings import Hardware, PolicySettings, Preset, checked, load_preset
from aimo_solver.dialects.detection import AUTO as AUTO_DIALECT
from aimo_solver.dialects.detection import is_demo
from aimo_solver.dialects.prompt import Prompt, recorded_prompt
from aimo_solver.engine.checkpoint import check_checkpoint, check_one_label, check_same_vocabulary, check_writes_text
from aimo_solver.engine.hardware import AUTO, check_hardware
from aimo_solver.errors import InputError
from aimo_solver.policies.adjusted import AdjustedPolicy
from aimo_solver.policies.factory import make_policy
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Policy
from aimo_solver.problems.problem import ANY_INTEGER, AnswerRule
from aimo_solver.runs.replay import RunLimits
from aimo_solver.utils.paths import DEMO_PPM, shown_path
from aimo_solver.utils.text import plural
from aimo_solver.voting import VOTE_RULES

DEFAULT_LIMIT_SECONDS: Final = 5 * 3600.0
DEFAULT_RESERVE_SECONDS: Final = 30.0
MAX_RESERVE_SHARE: Final = 0.05
"""Of the limit, so that a short run has time for its problems."""
STUDY_LIMIT_SECONDS: Final = 7 * 24 * 3600.0
"""A study has no clock to beat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a user wants otherwise than the preset has it. None keeps the preset's own value."""

    dialect: str | None = None
    policy: str | None = None
    """Another policy by name, with that policy's own settings."""
    rollouts: int | None = None
    concurrent: int | None = None
    """Rollouts at once. A search keeps its own number: a tree needs what several rollouts need."""
    early_stop: bool = True
    """False lets every rollout run to its own end."""
    code: CodeMode | None = None
    temperature: float | None = None
    max_tokens: int | None = None

    def apply(self, preset: Preset) -> Preset:
        """Returns the preset with these values in place of its own."""
        policy = preset.policy
        wanted = policy.name if self.policy is None else find_name(PolicyName, self.policy, "policy")
        if wanted is not policy.name:
            policy = PolicySettings(name=wanted, rollouts=policy.rollouts, early_stop=policy.early_stop)
        policy = replace(policy, early_stop=self.early_stop and policy.early_stop)
        if self.rollouts is not None:
            policy = replace(policy, rollouts=self.rollouts)
        if self.concurrent is not None and preset.search is None:
            policy = replace(policy, concurrent=self.concurrent)
        changes = {"code": self.code, "temperature": self.temperature, "max_tokens": self.max_tokens}
        rollout = replace(preset.rollout, **{name: value for name, value in changes.items() if value is not None})
        return replace(self._in_dialect(preset), policy=policy, rollout=rollout)

    def _in_dialect(self, preset: Preset) -> Preset:
        """Returns the preset in the dialect that is wanted: its own texts are for the dialect that it names."""
        dialect = preset.dialect if self.dialect is None else self.dialect.casefold()
        kept = dialect == preset.dialect or preset.dialect == AUTO_DIALECT
        return replace(preset, dialect=dialect, prompt=preset.prompt if kept else PromptSettings())


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Everything a run is made of."""

    model: Path
    preset_name: str = ""
    """As it was chosen: a shipped preset's name or a TOML file. Empty in runs of older versions."""
    preset: Preset
    """With the user's overrides, and the checkpoint's dialect in place of `auto`."""
    dialect_reason: str = ""
    """Why that dialect was taken; empty where it was named."""
    prompt: Prompt
    """The preset's texts, filled when the run began."""
    hardware: Hardware
    rule: AnswerRule
    seed: int
    limits: RunLimits

    @property
    def description(self) -> str:
        """One line that names checkpoint, preset, dialect, policy, rollouts and tokens."""
        preset = self.preset
        fresh = Ledger(0.0, self.limits.total_seconds, reserve_seconds=self.limits.reserve_seconds)
        rollouts = preset.policy.rollouts or make_run_policy(preset.policy).grant(fresh, 0.0).rollouts
        why = f" ({self.dialect_reason})" if self.dialect_reason else ""
        kind = "tree" if preset.search is not None else "rollout"
        unbounded = preset.policy.early_stop and VOTE_RULES[preset.vote].bound is None
        vote = f", vote {preset.vote} (its weights have no limit, so any leader can be caught)" if unbounded else ""
        return (
            f"{shown_path(self.model)}: preset {self.preset_name or '?'}, dialect {preset.dialect}{why}, "
            f"policy {preset.policy.name}, {plural(rollouts, kind)} of at most {preset.rollout.max_tokens:,} tokens"
            f"{vote}"
        )


def preset_for(model: Path) -> str:
    """Returns the name of the preset that goes with a checkpoint.

    The demo model and what was made from it (copies, quantised and merged forms) write as `demo` expects;
    they are recognised by their tokenizer. Everything else gets `default`.
    """
    return "demo" if is_demo(model) else "default"


def choose_options(
    model: Path,
    *,
    preset: str | None = None,
    hardware: str = AUTO,
    rule: AnswerRule = ANY_INTEGER,
    seed: int = 0,
    limit_seconds: float = DEFAULT_LIMIT_SECONDS,
    overrides: Overrides | None = None,
) -> RunOptions:
    """Returns the options, all checked against one another; without a preset, the checkpoint's. Raises InputError."""
    check_checkpoint(model)
    name = preset if preset is not None else preset_for(model)
    chosen, dialect_reason = with_dialect((overrides or Overrides()).apply(load_preset(name)), model)
    limits = RunLimits(limit_seconds, min(DEFAULT_RESERVE_SECONDS, MAX_RESERVE_SHARE * limit_seconds))
    Ledger(0.0, limits.total_seconds, reserve_seconds=limits.reserve_seconds)  # Refuses an impossible limit.
    _check_preset(chosen, name)  # Before the driver is asked for its cards.
    prompt = _filled_prompt(chosen, name, model, rule)
    options = RunOptions(
        model=model,
        preset_name=name,
        preset=chosen,
        dialect_reason=dialect_reason,
        prompt=prompt,
        hardware=check_hardware(hardware, model),
        rule=rule,
        seed=seed,
        limits=limits,
    )
    _check_together(options)
    return options


def options_to_toml(options: RunOptions) -> dict[str, Any]:
    """Returns the options as a run folder's settings.toml holds them."""
    return asdict(options) | {"model": str(options.model)}


def options_of_run(settings: Mapping[str, Any], path: Path) -> RunOptions:
    """Returns the options that a run folder's settings.toml holds. Raises InputError."""
    try:
        preset = checked(Preset, with_current_keys(settings["preset"]), path)
        rule = AnswerRule(**settings["rule"])
        prompt = recorded_prompt(settings, path)
        options = RunOptions(
            model=Path(settings["model"]),
            preset_name=str(settings.get("preset_name", "")),
            preset=preset,
            dialect_reason=str(settings.get("dialect_reason", "")),
            prompt=_filled_prompt(preset, str(path), Path(settings["model"]), rule) if prompt is None else prompt,
            hardware=checked(Hardware, settings["hardware"], path),
            rule=rule,
            seed=int(settings["seed"]),
            limits=RunLimits(**settings["limits"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: the run cannot be resumed with its settings: {error}") from None
    _check_preset(options.preset, str(path))
    check_checkpoint(options.model)
    _check_together(options)
    return options


def make_run_policy(settings: PolicySettings) -> Policy:
    """Returns the policy by name, with the limits on rollouts and tokens that hold for any policy."""
    policy = make_policy(settings.settings)
    return AdjustedPolicy(
        policy,
        rollouts=settings.rollouts,
        concurrent=settings.concurrent,
        max_tokens=settings.max_tokens,
        early_stop=settings.early_stop,
    )


def scorer_path(preset: Preset) -> Path | None:
    """Returns the folder of the search's scorer; `demo` is the demo model's."""
    name = preset.search.scorer if preset.search is not None else None
    return None if name is None else DEMO_PPM if name == "demo" else Path(name)


def require_one_engine(wanted: Sequence[RunOptions]) -> None:
    """Raises InputError, before anything is loaded, for methods that cannot share engine, scorer and sandbox."""
    shared: dict[str, set[Any]] = {
        "model": {options.model for options in wanted},
        "hardware": {str(options.hardware) for options in wanted},
        "scorer": {scorer_path(options.preset) for options in wanted} - {None},
        "sandbox_memory_bytes": {options.preset.sandbox_memory_bytes for options in wanted},
    }
    for name, values in shared.items():
        if len(values) > 1:
            got = ", ".join(sorted(map(str, values)))
            raise InputError(
                f"{name} must be the same for methods that share an engine, got {got}; measure them separately"
            )


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


def _check_together(options: RunOptions) -> None:
    """Checks the model, its scorer and the hardware settings against one another."""
    check_writes_text(options.model)
    scorer = scorer_path(options.preset)
    if scorer is not None:
        check_checkpoint(scorer)
        check_one_label(scorer)
        check_same_vocabulary(options.model, scorer)
    require_speculation_works(options)


def _filled_prompt(preset: Preset, name: str, model: Path, rule: AnswerRule) -> Prompt:
    try:
        return run_prompt(preset, load_dialect(preset.dialect, model), rule)
    except InputError as error:
        raise InputError(f"preset {name}: {error}") from None


def _check_preset(preset: Preset, name: str) -> None:
    try:
        make_run_policy(preset.policy)
        if VOTE_RULES[preset.vote].needs_logprobs and not preset.rollout.logprobs:
            raise InputError(f"vote {preset.vote} needs log-probabilities; set logprobs = 20 in [rollout]")
        for key in ("waits", "deepconf"):
            if preset.search is not None and getattr(preset.rollout, key):
                raise InputError(f"{key} has no meaning for a search's steps; leave out {key} or [search]")
        if preset.rollout.deepconf is not None and not preset.rollout.logprobs:
            raise InputError("deepconf needs log-probabilities; set logprobs = 20 in [rollout]")
    except InputError as error:
        raise InputError(f"preset {name}: {error}") from None
