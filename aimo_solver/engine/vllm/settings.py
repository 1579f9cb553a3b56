"""The settings of one vLLM: of a generating engine, of a scorer. Imports nothing of vllm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What every model needs. Names are vLLM's own where it has them."""

    model: Path
    """Folder of a checkpoint; a quantised one is recognised by its own config."""
    dtype: str = "auto"
    quantization: str | None = None
    tensor_parallel_size: int = 1
    max_model_len: int | None = None
    """Context in tokens; None: the checkpoint's own."""
    max_num_seqs: int = 64
    gpu_memory_utilization: float = 0.9
    """The share of each card's memory that it takes; those of models side by side must fit together."""
    enable_prefix_caching: bool = True
    enforce_eager: bool = False
    """Compile nothing: starts sooner, runs slower. Otherwise a first request may wait for a compiler."""
    cpu_kvcache_gib: int | None = None
    """Key-value cache of a CPU build; None: vLLM's choice."""
    cpu_cores: str | None = None
    """Which of them a CPU build takes, as in "0-3"; None: vLLM's choice, which is the same for models side by side."""
    load_seconds: float = 1200.0
    """A load that takes longer has failed."""
    log_file: Path | None = None
    """Where vLLM's log goes; None: nowhere, once the model has loaded."""

    def __post_init__(self) -> None:
        for name in ("tensor_parallel_size", "max_num_seqs"):
            _require_positive(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class VllmSettings(ModelSettings):
    """One generating engine's settings."""

    kv_cache_dtype: str = "auto"
    stream_interval: int = 8
    """Tokens a delta; a request's first delta holds one. Each delta costs the event loop a fixed time,
    whatever it holds; at 8 a stream still tells of progress several times a second. vLLM looks for
    stop strings at every token all the same, so none are wasted."""
    seed: int = 0
    """For requests that bring no seed."""
    speculative: dict[str, Any] | None = None
    """vLLM's speculative_config, such as {"method": "ngram", "num_speculative_tokens": 4}."""
    reports_weights: bool = False
    """Whether `VllmEngine.weight_bytes` is to be asked: its workers then load a class of ours."""

    def __post_init__(self) -> None:
        ModelSettings.__post_init__(self)  # super() does not know a class with slots.
        _require_positive("stream_interval", self.stream_interval)


@dataclass(frozen=True, slots=True)
class ScorerSettings(ModelSettings):
    """One scorer's settings. It stands beside a generating engine, so it takes little of the memory."""

    gpu_memory_utilization: float = 0.1


def _require_positive(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value!r}")
