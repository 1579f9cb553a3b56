"""Settings: frozen, read from TOML; presets/ and hardware/ hold the shipped ones.

Guarantees: an unknown key, a wrong type or a value out of range is one sentence that names file
and key, before anything is loaded.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from aimo_solver.errors import InputError

_HERE: Final = Path(__file__).parent
PRESETS: Final = _HERE / "presets"
HARDWARE: Final = _HERE / "hardware"

_STRICT: Final = ConfigDict(extra="forbid")
Positive = Annotated[float, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class CodeMode(StrEnum):
    """What becomes of the code a model writes."""

    ON = "on"
    DISABLED = "disabled"
    """Every call is answered "code execution is disabled"."""
    OFF = "off"
    """Calls are not recognised: plain generation to the end of the turn."""


@dataclass(frozen=True, slots=True)
class DeepConfSettings:
    """When a rollout is given up for its confidence (DeepConf's online stop, arXiv 2508.15260)."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    window_tokens: PositiveInt = 2048
    warm_up: PositiveInt = 16
    """Rollouts of a problem that ended before any is given up."""
    keep_share: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Of those, that would have passed."""


@dataclass(frozen=True, slots=True)
class RolloutSettings:
    """How one rollout is drawn and what it may use."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    temperature: Annotated[float, Field(ge=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Field(ge=0)] = 0
    min_p: Share = 0.0
    max_tokens: PositiveInt = 16_384
    """Generated tokens of a whole rollout, all turns together."""
    logprobs: Annotated[int, Field(ge=0, le=20)] = 0
    """Alternatives per token whose entropy is logged; 0: none."""
    code: CodeMode = CodeMode.ON
    code_rounds: Annotated[int, Field(ge=0)] = 4
    code_timeout_seconds: Positive | None = None
    """None: the dialect's own."""
    output_chars: PositiveInt | None = None
    """What the model is shown of a cell's output. None: the dialect's own."""
    flush_seconds: Annotated[float, Field(ge=0)] = 10.0
    """Kept before the deadline to close thinking and ask for the answer."""
    flush_tokens: PositiveInt = 24
    prefill: str = ""
    """The model's first words, such as "<think>\\n", where its template does not write them."""
    waits: Annotated[int, Field(ge=0)] = 0
    """How often the end of thinking is taken back and `wait_text` written instead (s1)."""
    wait_text: str = "Wait"
    deepconf: DeepConfSettings | None = None
    """None: no rollout is given up. Needs `logprobs`."""


class SearchMethod(StrEnum):
    """How a tree of steps is grown."""

    MCTS = "mcts"
    """Monte-Carlo tree search as rStar-Math does it (arXiv 2501.04519)."""
    BEAM = "beam"
    """Of each level's steps the best go on."""
    DVTS = "dvts"
    """As beam, but that every beam stays in a subtree of its own."""


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How a rollout that is a tree of steps is grown."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    method: SearchMethod = SearchMethod.MCTS
    simulations: PositiveInt = 12
    """MCTS: ways from the root to an end."""
    depth: PositiveInt = 16
    """Steps of a path at most."""
    width: PositiveInt | None = None
    """MCTS: steps sampled of a node. Beam and DVTS: beams. None: 32 and 4."""
    samples: PositiveInt = 4
    """Beam and DVTS: steps sampled of each beam."""
    exploration: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0
    """MCTS: the c of Q/N + c sqrt(ln N_parent / N)."""
    separator: Annotated[str, Field(min_length=1)] = "\n\n"
    """Ends a step."""
    step_tokens: PositiveInt = 1024
    """A step that is longer is cut in two."""
    scorer: str | None = None
    """The folder of a step scorer's checkpoint; None: the tree's own answers say what is good."""
    scorer_memory_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Of each card's memory, taken off the engine's: 0.2 of an H100 for 7 B parameters in 16 bits."""
    keep_trees: bool = False
    """Every tree's steps and what came of them go into the run folder's trees.jsonl, to train a scorer on."""


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """A policy by name, with its own settings."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str = "adaptive"
    rollouts: PositiveInt | None = None
    """For every problem, all at once; None: the policy's own."""
    concurrent: PositiveInt | None = None
    """At most so many at once; None: the policy's own."""
    tokens: PositiveInt | None = None
    """Of a whole problem, all its rollouts together; None: no limit."""
    early_stop: bool = True
    """False: every rollout runs to its own end."""
    settings: dict[str, int | float | bool | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GenSelectSettings:
    """How the model judges between the answers of a contested vote."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    judgings: PositiveInt = 5
    """Of the same candidates, each in an order and with a seed of its own."""
    temperature: Annotated[float, Field(ge=0)] = 0.6
    max_tokens: PositiveInt = 4096
    """Of one judging; one that is not over by then names nobody."""
    candidates: Annotated[int, Field(ge=2)] = 16
    """At most so many answers, those of most votes."""
    window: Annotated[int, Field(ge=2)] = 8
    """At most so many are compared at once."""
    summary_chars: PositiveInt = 2000
    """What a judge is shown of a solution."""
    most_margin: Share = 1.0
    """The leader's share of the votes up to which they are judged; 1: every contested vote is."""
    worth: Share | None = None
    """What the judges' choice adds to its answer, as a share of the whole vote; None: it overrules any vote."""
    least_seconds: Positive = 20.0
    """Judging does not begin with less than this before the deadline."""
    reserve_seconds: Annotated[float, Field(ge=0)] = 0.0
    """Kept of every problem's time for judging: its rollouts end so much earlier. 0: judging takes what they leave."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A whole method by name: dialect, sampling, policy, vote, and whether the vote is judged."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    dialect: str = "numina"
    rollout: RolloutSettings = field(default_factory=RolloutSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    search: SearchSettings | None = None
    """None: a rollout is one text, not a tree."""
    vote: str = "plurality"
    """A vote rule's name; `aimo revote` lists them."""
    tie_break: str = "first_rollout"
    sandbox_memory_bytes: PositiveInt = 2 * 2**30
    genselect: GenSelectSettings | None = None
    """None: the vote stands as it is."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """How the engine is set up on one kind of machine. Names are vLLM's own."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    dtype: str = "auto"
    tensor_parallel: PositiveInt = 1
    kv_cache_dtype: str = "auto"
    max_model_len: PositiveInt | None = None
    """None: the checkpoint's own."""
    max_num_seqs: PositiveInt = 32
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] = 0.92
    cpu_kvcache_gib: PositiveInt | None = None
    enforce_eager: bool = False
    stream_interval: PositiveInt = 8
    """Tokens a delta."""
    stall_seconds: Positive = 120.0
    """Without a token for this long while rollouts wait, the engine is started again."""
    load_seconds: Positive = 900.0
    speculative: dict[str, int | float | bool | str] | None = None
    """vLLM's speculative_config: {"method": "ngram", "num_speculative_tokens": 4}, or a draft model's. None: none."""


T = TypeVar("T")


def load_preset(name_or_file: str) -> Preset:
    """A shipped preset by name, or one from a TOML file."""
    return _load(Preset, name_or_file, PRESETS, "preset")


def load_hardware(name_or_file: str) -> Hardware:
    """Shipped hardware settings by name, or some from a TOML file."""
    return _load(Hardware, name_or_file, HARDWARE, "hardware")


def _load(kind: type[T], name_or_file: str, folder: Path, noun: str) -> T:
    path = Path(name_or_file) if name_or_file.endswith(".toml") else folder / f"{name_or_file}.toml"
    if not path.is_file():
        names = ", ".join(sorted(known.stem for known in folder.glob("*.toml")))
        raise InputError(f"{noun} must be one of {names}, or a .toml file, got {name_or_file!r}")
    try:
        values: Any = tomllib.loads(path.read_text(encoding="utf-8"))
        return TypeAdapter(kind).validate_python(values)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {key}: {first['msg']}, got {first['input']!r}") from error
