"""What vLLM logs about a start: seconds, memory and its choices. Known to fit vLLM 0.24 (CUDA) and 0.32 (CPU)."""

from __future__ import annotations

import re
from typing import Any, Final

_FIGURES: Final = {
    "weights_gib": r"Model loading took ([\d.]+) GiB",
    "weights_seconds": r"Model loading took [\d.]+ GiB(?: memory)? and ([\d.]+) seconds",
    "profile_seconds": r"init engine \(profile, create kv cache, warmup model\) took ([\d.]+) s",
    "compile_seconds": r"torch\.compile.*? took ([\d.]+) s in total",
    "graphs_seconds": r"Graph capturing finished in ([\d.]+) secs",
    "graphs_gib": r"Graph capturing finished in [\d.]+ secs, took ([-\d.]+) GiB",
    "kv_cache_gib": r"Available KV cache memory: ([\d.]+) GiB",
    "kv_cache_tokens": r"KV cache size: ([\d,]+) tokens",
}
_NAMES: Final = {
    "attention": r"Using (?:AttentionBackendEnum\.)?(\w+) (?:attention )?backend",
    "experts": r"Using '?(\w+)'? Mxfp4 MoE backend",
    "runner": r"Using (V\d) Model Runner",
}


def read_log(text: str) -> dict[str, Any]:
    """Returns what the log says about the last start in it; what it does not mention is left out."""
    found: dict[str, Any] = {}
    for name, pattern in _FIGURES.items():
        if numbers := re.findall(pattern, text):
            number = numbers[-1].replace(",", "")
            found[name] = int(number) if name.endswith("tokens") else float(number)
    for name, pattern in _NAMES.items():
        if names := re.findall(pattern, text):
            found[name] = names[-1]
    return found
