"""The settings of one vLLM engine. Imports nothing of vllm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class VllmSettings:
    """One engine's settings. Names are vLLM's own where it has them."""

    model: Path
    """Folder of a checkpoint; a quantised one is recognised by its own config."""
    dtype: str = "auto"
    quantization: str | None = None
    tensor_parallel_size: int = 1
    max_model_len: int | None = None
    """Context in tokens; None: the checkpoint's own."""
    max_num_seqs: int = 64
    gpu_memory_utilization: float = 0.9
    kv_cache_dtype: str = "auto"
    enable_prefix_caching: bool = True
    stream_interval: int = 8
    """Tokens a delta; a request's first delta holds one. Each delta costs the event loop a fixed time,
    whatever it holds; at 8 a stream still tells of progress several times a second. vLLM looks for
    stop strings at every token all the same, so none are wasted."""
    enforce_eager: bool = False
    """Compile nothing: starts sooner, runs slower. Otherwise a first request may wait for a compiler."""
    seed: int = 0
    """For requests that bring no seed."""
    cpu_kvcache_gib: int | None = None
    """Key-value cache of a CPU build; None: vLLM's choice."""
    load_seconds: float = 1200.0
    """A load that takes longer has failed."""
    speculative: dict[str, Any] | None = None
    """vLLM's speculative_config, such as {"method": "ngram", "num_speculative_tokens": 4}."""
    tells_weights: bool = False
    """Whether `VllmEngine.weight_bytes` is to be asked: its workers then load a class of ours."""
    log_file: Path | None = None
    """Where vLLM's log goes; None: nowhere, once the model has loaded."""

    def __post_init__(self) -> None:
        for name in ("tensor_parallel_size", "max_num_seqs", "stream_interval"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)!r}")
