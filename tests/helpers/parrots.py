"""Checkpoints whose real network says what a test wants: each token has one successor, whatever came before it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save_file

from aimo_solver.engine.tokenizer import HfTokenizer

_WIDTH: Final = 256
_HEADS: Final = 4
_CONFIG: Final = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "hidden_size": _WIDTH,
    "intermediate_size": _WIDTH,
    "num_hidden_layers": 1,
    "num_attention_heads": _HEADS,
    "num_key_value_heads": _HEADS,
    "head_dim": _WIDTH // _HEADS,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "dtype": "bfloat16",
}


def write_parrot(folder: Path, successors: Mapping[str, str]) -> Path:
    """Adds config and weights to a folder with a tokenizer. `successors`: each text's last token, and the next one.

    Attention and feed-forward layers add nothing, so that a token's embedding alone decides about the next.
    """
    tokenizer = HfTokenizer(folder)
    size = -(-tokenizer.size // 64) * 64
    embedding = torch.randn(size, _WIDTH, generator=torch.Generator().manual_seed(0))
    head = torch.zeros(size, _WIDTH)
    for text, following in successors.items():
        (next_id,) = tokenizer.encode(following)
        head[next_id] = embedding[tokenizer.encode(text)[-1]]
    square = (_WIDTH, _WIDTH)
    shapes = {f"self_attn.{name}_proj": square for name in "qkvo"}
    shapes |= {f"mlp.{name}_proj": square for name in ("gate", "up", "down")}
    tensors = {f"model.layers.0.{name}.weight": torch.zeros(shape) for name, shape in shapes.items()}
    norms = {"input_layernorm": _WIDTH, "post_attention_layernorm": _WIDTH}
    norms |= {"self_attn.q_norm": _WIDTH // _HEADS, "self_attn.k_norm": _WIDTH // _HEADS}
    tensors |= {f"model.layers.0.{name}.weight": torch.ones(width) for name, width in norms.items()}
    tensors |= {"model.embed_tokens.weight": embedding, "model.norm.weight": torch.ones(_WIDTH), "lm_head.weight": head}
    save_file({name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}, folder / "model.safetensors")
    end = tokenizer.backend.eos_token_id
    (folder / "config.json").write_text(json.dumps({**_CONFIG, "vocab_size": size, "eos_token_id": end}))
    return folder
