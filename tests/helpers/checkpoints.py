"""Checkpoint folders of random tensors, small enough to be made in a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 8,
    "vocab_size": 4,
}
TOKENIZER_JSON: dict[str, Any] = {
    "model": {"vocab": {"a": 0, "b": 1}},
    "added_tokens": [{"content": "<end>", "id": 2}],
}


def write_checkpoint(
    folder: Path,
    seed: int,
    *,
    shards: int = 1,
    config: object = None,
    tokenizer: object = None,
    rows: int = 4,
    names: str = "ab",
) -> Path:
    """Writes a bfloat16 checkpoint with tensors `layer.{shard}.{name}` of shape (rows, 8)."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config or CONFIG))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer or TOKENIZER_JSON))
    (folder / "chat_template.jinja").write_text(f"template {seed}")
    random = torch.Generator().manual_seed(seed)
    weight_map: dict[str, str] = {}
    for number in range(shards):
        tensors = {f"layer.{number}.{k}": torch.randn(rows, 8, generator=random).bfloat16() for k in names}
        shard = "model.safetensors" if shards == 1 else f"model-{number + 1:05}-of-{shards:05}.safetensors"
        save_file(tensors, folder / shard, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(tensors, shard)
    if shards > 1:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder
