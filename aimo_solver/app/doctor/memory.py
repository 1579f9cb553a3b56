"""Whether weights and cache fit the memory, and how many whole contexts the cache holds."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from aimo_solver.app.doctor.finding import Finding, Severity
from aimo_solver.config.settings import Hardware
from aimo_solver.engine.hardware import Card
from aimo_solver.engine.weight_files import weight_bytes

_OVERHEAD_BYTES: Final = 1_500_000_000
"""Activations and graphs of a card, roughly."""
_DEFAULT_CONTEXT: Final = 4096


def check_memory(model: Path, hardware: Hardware, cards: Sequence[Card], context_tokens: int = 0) -> Finding:
    """Checks that the weights and the cache of one whole context fit, and says how many contexts do.

    `context_tokens`: the context that vLLM gives these settings; 0 means that it was not asked.
    """
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    text_config = config.get("text_config") or config
    own = int(text_config.get("max_position_embeddings") or hardware.max_model_len or _DEFAULT_CONTEXT)
    context = context_tokens or max(1, min(hardware.max_model_len or own, own))
    weights = weight_bytes(model)
    cache = _cache_bytes(hardware, cards, weights)
    per_token = cache_bytes_per_token(config, 1 if hardware.kv_cache_dtype.startswith("fp8") else 2)
    if cache <= 0:
        text = f"weights of {weights / 2**30:.1f} GiB leave no room for a cache; quantise them, or use more cards"
        return Finding("memory", Severity.FAULT, text)
    if not per_token:
        return Finding("memory", Severity.OK, "the checkpoint's config does not say what a token takes")
    tokens = int(cache / per_token)
    text = f"the cache holds about {tokens:,} tokens: {tokens / context:.1f} whole contexts of {context:,}"
    if tokens < context:
        return Finding("memory", Severity.FAULT, f"{text}; set max_model_len to {tokens} or less")
    if tokens * 4 < context * hardware.max_num_seqs:
        streams = max(1, 4 * tokens // context)
        return Finding(
            "memory", Severity.WARN, f"{text}, for {hardware.max_num_seqs} streams; set max_num_seqs to {streams}"
        )
    return Finding("memory", Severity.OK, text)


def _cache_bytes(hardware: Hardware, cards: Sequence[Card], weights: int) -> float:
    if hardware.cpu_kvcache_gib:
        room = _available_bytes() - weights
        return min(room, hardware.cpu_kvcache_gib * 2**30)
    if not cards:
        return _available_bytes() / 2 - weights
    used = cards[: hardware.tensor_parallel]
    room = sum(min(card.free_bytes, hardware.gpu_memory_utilization * card.memory_bytes) for card in used)
    return room - weights - _OVERHEAD_BYTES * len(used)


def cache_bytes_per_token(config: Mapping[str, Any], bytes_per_number: int) -> int:
    """Returns the bytes of all layers' keys and values; 0 when the config does not say."""
    config = config.get("text_config") or config
    try:
        heads = int(config["num_attention_heads"])
        head = int(config.get("head_dim") or config["hidden_size"] // heads)
        return (
            2
            * int(config["num_hidden_layers"])
            * int(config.get("num_key_value_heads") or heads)
            * head
            * bytes_per_number
        )
    except (KeyError, TypeError):
        return 0


def _available_bytes(source: Path = Path("/proc/meminfo")) -> int:
    """Returns the memory that programs can have, the disk's cache included."""
    try:
        line = next(line for line in source.read_text().splitlines() if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return int(line.split()[1]) * 1024
