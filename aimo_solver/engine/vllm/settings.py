"""The settings of a generating engine and of a scorer on vLLM. Imports nothing from vllm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What every model needs. The names are vLLM's where it has them."""

    model: Path
    """Folder of a checkpoint; quantisation is recognised by its config."""
    _: KW_ONLY
    dtype: str = "auto"
    quantization: str | None = None
    tensor_parallel_size: int = 1
    max_model_len: int | None = None
    """Context in tokens; None means the checkpoint's own."""
    max_num_seqs: int = 64
    gpu_memory_utilization: float = 0.9
    """Share of each card's memory; the shares of models that run side by side must fit together."""
    enable_prefix_caching: bool = True
    enforce_eager: bool = False
    """Compiles nothing: starts sooner, runs slower. Otherwise a first request may wait for a compiler."""
    cpu_kvcache_gib: int | None = None
    """Key-value cache of a CPU build, in GiB; None means vLLM's choice."""
    cpu_cores: str | None = None
    """Which cores a CPU build uses, such as "0-3"; None means vLLM's choice, which is the same for every model."""
    load_seconds: float = 1200.0
    """Limit for loading; a load that takes longer has failed."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Environment variables of its processes, in place of those that are set by default."""
    log_file: Path | None = None
    """Where vLLM's log goes; None means that it is deleted once the model has loaded."""

    def __post_init__(self) -> None:
        for name in ("tensor_parallel_size", "max_num_seqs"):
            _require_positive(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class VllmSettings(ModelSettings):
    """The settings of a generating engine."""

    _: KW_ONLY
    kv_cache_dtype: str = "auto"
    stream_interval: int = 8
    """Tokens per delta, except a request's first, which has one. Each delta costs the event loop the same
    time, whatever its size; with 8 tokens a stream still shows progress several times a second. vLLM
    checks every token for stop strings anyway, so no tokens are wasted."""
    seed: int = 0
    """For requests without a seed."""
    speculative: dict[str, Any] | None = None
    """vLLM's speculative_config, such as {"method": "ngram", "num_speculative_tokens": 4}."""
    engine_arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """More of vLLM's own arguments, in place of those that are set by default."""
    reports_weights: bool = False
    """Whether `VllmEngine.weight_bytes` will be called; the workers then load WeightReporter."""

    def __post_init__(self) -> None:
        ModelSettings.__post_init__(self)  # super() does not work in a dataclass with slots.
        _require_positive("stream_interval", self.stream_interval)


@dataclass(frozen=True, slots=True)
class ScorerSettings(ModelSettings):
    """The settings of a scorer, which runs beside a generating engine and so takes little memory."""

    _: KW_ONLY
    gpu_memory_utilization: float = 0.1


def _require_positive(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value!r}")
