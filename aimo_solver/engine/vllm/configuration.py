"""Configuration: what the installed vLLM makes of a checkpoint and settings, without loading weights.

Guarantees: no card is used and nothing is downloaded; vLLM's own code builds its model, parallel, quantisation
and speculation configuration, and every part that it refuses is one sentence of its own. Meant for a process
of its own: vLLM takes seconds to import, and may end or hang the process. Known to run on vLLM 0.32.

Not guaranteed: that what passes loads. Kernels are chosen when layers are made.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aimo_solver.engine.number_format import unmarked_method
from aimo_solver.engine.vllm.log import failure_cause
from aimo_solver.engine.vllm.settings import VllmSettings

if TYPE_CHECKING:
    from vllm.config import ModelConfig
    from vllm.engine.arg_utils import AsyncEngineArgs

_ENVIRONMENT = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
}
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What vLLM says. It travels between processes as JSON, so all fields are plain."""

    refusals: tuple[str, ...] = ()
    """vLLM's own sentences, one per part that it refuses."""
    context_tokens: int = 0
    """The context that the settings get: theirs, or the checkpoint's own if that is shorter. 0 means unknown."""
    dtype: str = ""
    """What it would compute in here, such as "bfloat16"."""
    quantization: str = ""
    """The method that vLLM would run; empty means none."""
    min_capability: int = 0
    """Compute capability that this method needs, times ten; 0 means any."""
    activation_dtypes: tuple[str, ...] = ()
    """What this method can compute in; empty means anything."""
    writes_text: bool = True
    architecture: str = ""


def read_configuration(settings: VllmSettings, *, here: bool) -> Configuration:
    """Asks vLLM. `here`: the settings are for this machine's cards, so that vLLM's whole configuration is built too."""
    os.environ.update(_ENVIRONMENT)
    refusals: list[str] = []
    arguments = _arguments(settings)
    model = _try(refusals, arguments.create_model_config)
    if model is None:
        return Configuration(refusals=tuple(refusals))
    context_tokens = _context_tokens(model, settings.max_model_len)
    found = Configuration(
        context_tokens=context_tokens,
        dtype=_name(model.dtype),
        quantization=str(model.quantization or ""),
        writes_text=model.runner_type == "generate" and not model.is_encoder_decoder,
        architecture=str(model.architecture),
    )
    _try(refusals, lambda: _check_parallel(model, settings.tensor_parallel_size))
    if model.quantization is not None:
        found = _try(refusals, lambda: _with_quantization(found, model)) or found
    if here and not refusals and found.writes_text:
        fitting = _arguments(replace(settings, max_model_len=context_tokens))
        _try(refusals, lambda: fitting.create_engine_config())
    return replace(found, refusals=tuple(refusals))


def _arguments(settings: VllmSettings) -> AsyncEngineArgs:
    from vllm.engine.arg_utils import AsyncEngineArgs

    # A copy: vLLM 0.24 writes into the dict it is given.
    speculative = None if settings.speculative is None else dict(settings.speculative)
    given: dict[str, Any] = {
        "model": str(settings.model),
        "dtype": settings.dtype,
        "quantization": settings.quantization or unmarked_method(settings.model),
        "tensor_parallel_size": settings.tensor_parallel_size,
        "max_model_len": settings.max_model_len,
        "max_num_seqs": settings.max_num_seqs,
        "gpu_memory_utilization": settings.gpu_memory_utilization,
        "kv_cache_dtype": settings.kv_cache_dtype,
        "enforce_eager": settings.enforce_eager,
        "speculative_config": speculative,
    }
    return AsyncEngineArgs(**given)
