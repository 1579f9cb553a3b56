"""Configuration: what the installed vLLM makes of a checkpoint and settings, without loading weights.

Guarantees: no card is used and nothing is downloaded; vLLM's own code builds its model, parallel, quantisation
and speculation configuration, and every part that it refuses is one sentence of its own. Meant for a process
of its own: vLLM takes seconds to import, and may end or hang the process. Known to run on vLLM 0.32.

Not guaranteed: that what passes loads. Kernels are chosen when layers are made.
"""

from __future__ import annotations

import copy
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
_NO_LOG = Path("/nonexistent/vllm.log")
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
    os.environ.update(_ENVIRONMENT | dict(settings.environment))
    refusals: list[str] = []
    model = _try(refusals, lambda: _arguments(settings, None).create_model_config())
    if model is None:
        return Configuration(refusals=tuple(refusals))
    context_tokens = fitting_context(model, settings.max_model_len)
    found = Configuration(
        context_tokens=context_tokens,
        dtype=_name(model.dtype),
        quantization=str(model.quantization or ""),
        writes_text=model.runner_type == "generate" and not model.is_encoder_decoder,
        architecture=str(model.architectures[0]),
    )
    _try(refusals, lambda: _check_parallel(model, settings.tensor_parallel_size))
    if model.quantization is not None:
        found = _try(refusals, lambda: _with_quantization(found, model)) or found
    if here and not refusals and found.writes_text:
        _try(refusals, lambda: _arguments(settings, context_tokens).create_engine_config())
    return replace(found, refusals=tuple(refusals))


def _arguments(settings: VllmSettings, context_tokens: int | None) -> AsyncEngineArgs:
    from vllm.engine.arg_utils import AsyncEngineArgs

    arguments: dict[str, Any] = {
        "model": str(settings.model),
        "dtype": settings.dtype,
        "quantization": settings.quantization or unmarked_method(settings.model),
        "tensor_parallel_size": settings.tensor_parallel_size,
        "max_model_len": context_tokens,
        "max_num_seqs": settings.max_num_seqs,
        "gpu_memory_utilization": settings.gpu_memory_utilization,
        "kv_cache_dtype": settings.kv_cache_dtype,
        "enforce_eager": settings.enforce_eager,
        "speculative_config": settings.speculative,
    }
    # Copied, as vLLM 0.24 writes into the tables that it is given.
    return AsyncEngineArgs(**copy.deepcopy(arguments | dict(settings.engine_arguments)))


def fitting_context(model: ModelConfig, wanted: int | None) -> int:
    """Returns the context that is wanted if the checkpoint has it, else the checkpoint's own."""
    own = int(model.max_model_len)
    if wanted is None:
        return own
    try:
        return int(model.get_and_verify_max_len(wanted))
    except ValueError:
        return min(own, wanted)


def _check_parallel(model: ModelConfig, size: int) -> None:
    from vllm.config import ParallelConfig

    # Named, as vLLM would look for as many cards here otherwise.
    model.verify_with_parallel_config(ParallelConfig(tensor_parallel_size=size, distributed_executor_backend="mp"))


def _with_quantization(found: Configuration, model: ModelConfig) -> Configuration:
    from vllm.config.load import LoadConfig
    from vllm.model_executor.model_loader.weight_utils import get_quant_config

    method = get_quant_config(model, LoadConfig())
    return replace(
        found,
        min_capability=method.get_min_capability(),
        activation_dtypes=tuple(_name(dtype) for dtype in method.get_supported_act_dtypes()),
    )


def _name(dtype: object) -> str:
    return str(dtype).removeprefix("torch.")


def _try(refusals: list[str], step: Callable[[], T]) -> T | None:
    """Returns what the step does; if vLLM refuses it, adds why and returns None."""
    try:
        return step()
    except Exception as error:  # noqa: BLE001  vLLM and transformers raise anything here.
        refusals.append(failure_cause(error, _NO_LOG, 0))
        return None
