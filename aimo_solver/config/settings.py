"""Settings: frozen, read from TOML; presets/ and hardware/ hold the shipped ones.

Guarantees: an unknown key, a wrong type or a value out of range is refused in one sentence that names
file and key, before anything is loaded.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar, cast

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo, field_validator

from aimo_solver.config.answer_settings import AnswerSettings
from aimo_solver.config.fields import (
    KNOWN_KEYS_ONLY,
    CellSeconds,
    Flag,
    NonNegative,
    NonNegativeInt,
    Positive,
    PositiveInt,
    PositiveShare,
    SessionBytes,
    Share,
)
from aimo_solver.config.names import CodeMode, PolicyName, SearchMethod, TieBreak, VoteName
from aimo_solver.config.policy_settings import POLICY_SETTINGS, OwnSettings
from aimo_solver.config.prompt_settings import PromptSettings
from aimo_solver.config.shipped import HARDWARE, PRESETS, find_shipped
from aimo_solver.errors import InputError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepConfSettings:
    """When a rollout is given up for its low confidence (DeepConf's online stop, arXiv 2508.15260)."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY

    window_tokens: PositiveInt = 2048
    warm_up: PositiveInt = 16
    """Rollouts of a problem that must end before any is given up."""
    keep_share: PositiveShare = 0.9
    """Share of those rollouts that would have passed the threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSettings:
    """How one rollout is sampled and what it may use."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY

    temperature: NonNegative = 1.0
    top_p: PositiveShare = 1.0
    top_k: NonNegativeInt = 0
    min_p: Share = 0.0
    max_tokens: PositiveInt = 16_384
    """Tokens generated per rollout, all turns together."""
    logprobs: Annotated[int, Field(ge=0, le=20, strict=True)] = 0
    """Alternatives per token whose entropy is logged; 0 means none."""
    code: CodeMode = CodeMode.ON
    code_rounds: NonNegativeInt = 4
    code_timeout_seconds: CellSeconds | None = None
    """Seconds per cell; None means the dialect's own limit."""
    output_chars: PositiveInt | None = None
    """Characters of a cell's output that the model is shown; None means the dialect's own limit."""
    flush_seconds: NonNegative = 10.0
    """Seconds before the deadline that are kept to close thinking and ask for the answer."""
    flush_tokens: PositiveInt = 24
    """Of `max_tokens`, and at most half of them: kept to ask for the answer."""
    prefill: str = ""
    """The model's first words, such as "<think>\\n", for templates that do not write them."""
    waits: NonNegativeInt = 0
    """How often the end of thinking is replaced by `wait_text` (s1)."""
    wait_text: str = "Wait"
    deepconf: DeepConfSettings | None = None
    """None means that no rollout is given up. Needs `logprobs`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How a rollout that is a tree of steps is grown."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY

    method: SearchMethod = SearchMethod.MCTS
    simulations: PositiveInt = 12
    """MCTS: paths from the root to an end."""
    depth: PositiveInt = 16
    """Steps per path, at most."""
    width: PositiveInt | None = None
    """MCTS: steps sampled per node. Beam and DVTS: beams. None means 32 and 4."""
    samples: PositiveInt = 4
    """Beam and DVTS: steps sampled per beam."""
    exploration: NonNegative = 2.0
    """MCTS: the c of Q/N + c sqrt(ln N_parent / N)."""
    separator: Annotated[str, Field(min_length=1)] = "\n\n"
    """Text that ends a step."""
    step_tokens: PositiveInt = 1024
    """Tokens per step; a longer step is cut in two."""
    scorer: str | None = None
    """The folder of a step scorer's checkpoint; None means that steps are valued by the tree's own answers."""
    scorer_memory_share: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.1
    """Share of each GPU's memory, taken from the engine's: 0.2 of an H100 for 7 B parameters in 16 bits."""
    keep_trees: Flag = False
    """Write every tree's steps and their outcomes to the run folder's trees.jsonl, to train a scorer on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """A policy by name, with its own settings, and limits that hold for any policy."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY

    name: PolicyName = PolicyName.ADAPTIVE
    rollouts: PositiveInt | None = None
    """Rollouts per problem, all at once; None means the policy's own number."""
    concurrent: PositiveInt | None = None
    """Rollouts that run at once, at most; None means the policy's own number."""
    max_tokens: PositiveInt | None = None
    """Tokens per problem, all its rollouts together; None means no limit."""
    early_stop: Flag = True
    """False means that every rollout runs to its end."""
    settings: OwnSettings = field(default=cast(OwnSettings, None))
    """The policy's own settings; where they are left out, its defaults."""

    def __post_init__(self) -> None:
        own = cast("OwnSettings | None", self.settings)
        if own is None:
            object.__setattr__(self, "settings", POLICY_SETTINGS[self.name]())
        elif own.name is not self.name:
            raise InputError(f"policy {self.name} cannot have the settings of {own.name}")

    @field_validator("settings", mode="plain")
    @classmethod
    def _of_the_named_policy(cls, values: object, info: ValidationInfo) -> object:
        """Reads the settings as those of the policy in `name`."""
        name = info.data.get("name")
        if name is None:  # The error about the name comes first.
            return None
        kind = POLICY_SETTINGS[name]
        known = [one.name for one in fields(kind)]
        if isinstance(values, Mapping):
            for key in cast(Mapping[str, object], values):
                if key not in known:
                    raise ValueError(f"policy {name} has no setting {key!r}; it has {', '.join(known)}")
        try:
            return TypeAdapter(kind).validate_python(values)
        except InputError as error:
            raise ValueError(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenSelectSettings:
    """How the model judges between the answers of a contested vote."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY

    judgings: PositiveInt = 5
    """Judgings of the same candidates, each with its own order and seed."""
    temperature: NonNegative = 0.6
    max_tokens: PositiveInt = 4096
    """Tokens per judging; a judging that is cut short names no candidate."""
    max_candidates: Annotated[int, Field(ge=2, strict=True)] = 16
    """Answers that are judged, at most: those with most votes."""
    window: Annotated[int, Field(ge=2, strict=True)] = 8
    """Candidates in one comparison, at most."""
    summary_chars: PositiveInt = 2000
    """Characters of a solution that a judge is shown."""
    max_margin: Share = 1.0
    """Judge the vote only if the leader's share of it is at most this; 1 means every contested vote."""
    worth: Share | None = None
    """What the judges' choice adds to its answer, as a share of the whole vote; None means it overrules any vote."""
    min_seconds: Positive = 20.0
    """Judging does not begin with less than this before the deadline."""
    reserve_seconds: NonNegative = 0.0
    """Seconds of each problem's time that its rollouts leave for judging; 0 means that judging takes what is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A whole method: dialect, prompt, sampling, policy, vote, and whether the vote is judged."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY

    dialect: Annotated[str, AfterValidator(str.casefold)] = "auto"
    """How the model writes; `auto` means as the checkpoint's files say (dialects/detection.py)."""
    prompt: PromptSettings = field(default_factory=PromptSettings)
    rollout: RolloutSettings = field(default_factory=RolloutSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    search: SearchSettings | None = None
    """None means that a rollout is one text, not a tree."""
    vote: VoteName = VoteName.PLURALITY
    tie_break: TieBreak = TieBreak.FIRST_ROLLOUT
    sandbox_memory_bytes: SessionBytes = 2 * 2**30
    genselect: GenSelectSettings | None = None
    """None means that the vote is not judged."""
    answers: AnswerSettings = field(default_factory=AnswerSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """How the engine is set up on one kind of machine. Names are vLLM's own."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY

    dtype: str = "auto"
    tensor_parallel: PositiveInt = 1
    kv_cache_dtype: str = "auto"
    max_model_len: PositiveInt | None = None
    """Tokens of context; None means the checkpoint's own limit."""
    max_num_seqs: PositiveInt = 32
    gpu_memory_utilization: PositiveShare = 0.92
    cpu_kvcache_gib: PositiveInt | None = None
    enforce_eager: Flag = False
    stream_interval: PositiveInt = 8
    """Tokens per delta."""
    stall_seconds: Positive = 120.0
    """The engine is restarted after this long without a token while rollouts wait."""
    load_seconds: Positive = 900.0
    speculative: dict[str, int | float | bool | str] | None = None
    """vLLM's speculative_config: {"method": "ngram", "num_speculative_tokens": 4}, for example; None means none."""
    engine: dict[str, Any] | None = None
    """More of vLLM's own engine arguments, such as {"moe_backend": "marlin"}."""
    environment: dict[str, str] | None = None
    """Environment variables of the engine's processes."""
    ladder: tuple[dict[str, Any], ...] | None = None
    """The next settings to try when these do not start or fail the canary: the keys that each step has otherwise."""

    def __post_init__(self) -> None:
        for number, step in enumerate(self.ladder or (), start=1):
            if "ladder" in step:
                raise InputError(f"ladder step {number} must have no ladder of its own")
            checked(Hardware, step, f"ladder step {number}")

    @property
    def steps(self) -> tuple[Hardware, ...]:
        """The ladder's settings, in the order in which they are tried; a step changes these settings, not the last."""
        found: list[Hardware] = []
        for step in self.ladder or ():
            read = checked(Hardware, step, "ladder")
            found.append(replace(self, ladder=None, **{key: getattr(read, key) for key in step}))
        return tuple(found)

    @property
    def plain(self) -> Hardware:
        """These settings without what vLLM most often stumbles over: no graphs, no speculation, nothing of its own."""
        kept = {name: value for name, value in (self.engine or {}).items() if name == "quantization"}
        return replace(
            self,
            kv_cache_dtype="auto",
            enforce_eager=True,
            speculative=None,
            engine=kept or None,
            environment=None,
            ladder=None,
        )


T = TypeVar("T")


def load_preset(name_or_file: str) -> Preset:
    """Reads a shipped preset by name, or one from a TOML file. Raises InputError."""
    return load_settings(Preset, find_shipped(name_or_file, PRESETS, noun="preset"))


def load_hardware(name_or_file: str) -> Hardware:
    """Reads shipped hardware settings by name, or some from a TOML file. Raises InputError."""
    return load_settings(Hardware, find_shipped(name_or_file, HARDWARE, noun="hardware"))


def load_settings(kind: type[T], path: Path) -> T:
    """Reads settings of this kind from a TOML file. Raises InputError."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from error
    return checked(kind, values, path)


def checked(kind: type[T], values: object, source: object) -> T:
    """Builds settings of this kind from what `source` holds.

    Raises InputError: one sentence that names the source and the key.
    """
    try:
        return TypeAdapter(kind).validate_python(values)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    except ValidationError as error:
        raise InputError(f"{source}: {_sentence(error.errors()[0])}") from error


def _sentence(error: ErrorDetails) -> str:
    """What is wrong, in our words: "rollout.top_p must be less than or equal to 1, got 2.0"."""
    key, value, context = ".".join(map(str, error["loc"])), error["input"], error.get("ctx", {})
    match error["type"]:
        case "unexpected_keyword_argument":
            return f"{key}: unknown key, got {value!r}"
        case "value_error":
            return f"{key}: {context['error']}"
        case "enum":
            names = context["expected"].replace("'", "").replace(" or ", ", ")
            return f"{key} must be one of {names}, got {value!r}"
        case "missing":
            return f"{key} must be given, as it has no default"
        case "dataclass_type":
            return f"{key} must be a table, got {value!r}"
        case _:
            return f"{key} {re.sub(r'^[A-Za-z]+ should', 'must', error['msg'])}, got {value!r}"
