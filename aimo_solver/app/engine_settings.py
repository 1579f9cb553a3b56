"""Engine settings: what vLLM is started with, from a machine's settings and a run's options."""

from __future__ import annotations

import os
from pathlib import Path

from aimo_solver.app.options import RunOptions, scorer_path
from aimo_solver.config.settings import Hardware
from aimo_solver.engine.vllm.settings import ScorerSettings, VllmSettings


def engine_settings(model: Path, hardware: Hardware, *, measured: bool, log_file: Path | None) -> VllmSettings:
    """Returns the settings of the engine. `measured`: it is able to report its weights."""
    return VllmSettings(
        model=model,
        dtype=hardware.dtype,
        tensor_parallel_size=hardware.tensor_parallel,
        max_model_len=hardware.max_model_len,
        max_num_seqs=hardware.max_num_seqs,
        gpu_memory_utilization=hardware.gpu_memory_utilization,
        kv_cache_dtype=hardware.kv_cache_dtype,
        stream_interval=hardware.stream_interval,
        enforce_eager=hardware.enforce_eager,
        cpu_kvcache_gib=hardware.cpu_kvcache_gib,
        load_seconds=hardware.load_seconds,
        speculative=hardware.speculative or None,
        engine_arguments=hardware.engine or {},
        environment=hardware.environment or {},
        reports_weights=measured,
        log_file=log_file,
    )


def scorer_settings(options: RunOptions, *, log_file: Path | None) -> ScorerSettings | None:
    """Returns the settings of the search's scorer, where the preset names one."""
    path, search = scorer_path(options.preset), options.preset.search
    if path is None or search is None:
        return None
    hardware = options.hardware
    on_cpu = hardware.cpu_kvcache_gib is not None
    return ScorerSettings(
        model=path,
        dtype=hardware.dtype,
        tensor_parallel_size=hardware.tensor_parallel,
        max_model_len=hardware.max_model_len,
        max_num_seqs=hardware.max_num_seqs,
        gpu_memory_utilization=search.scorer_memory_share,
        enforce_eager=hardware.enforce_eager,
        cpu_kvcache_gib=hardware.cpu_kvcache_gib,
        # vLLM would put both models on the same core.
        cpu_cores=str(max(os.sched_getaffinity(0))) if on_cpu else None,
        load_seconds=hardware.load_seconds,
        environment=hardware.environment or {},
        log_file=log_file,
    )
