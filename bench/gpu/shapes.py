"""Checkpoints without weights: the shapes of models, for an engine that makes dummy weights.

Guarantees: a shape's folder holds a config.json, and a tokenizer in which every id has a text. The weights
are vLLM's dummies: small random numbers; 4-bit ones are whatever was in memory. They take the time and
memory of real ones, but the generated text means nothing.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, Final

from aimo_solver.utils.paths import DEMO_MODEL

_HEADER: Final = b'{"model.norm.weight":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
_TINY_SAFETENSORS: Final = len(_HEADER).to_bytes(8, "little") + _HEADER + bytes(2)
"""One number: vLLM makes the weights up, but a checkpoint without any is refused."""

_QWEN_7B: Final[dict[str, Any]] = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "hidden_act": "silu",
    "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e6,
    "tie_word_embeddings": False,
    "dtype": "bfloat16",
    "vocab_size": 152064,
    "transformers_version": "5.17.0",  # Without a version, transformers warns of another tokenizer's fault.
}
# As llm-compressor writes FP8_DYNAMIC: one scale per row of weights and per token of activations.
_FP8_NUMBERS: Final = {"num_bits": 8, "type": "float", "symmetric": True}
_FP8_DYNAMIC: Final[dict[str, Any]] = {
    "quant_method": "compressed-tensors",
    "format": "float-quantized",
    "quantization_status": "compressed",
    "ignore": ["lm_head"],
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": _FP8_NUMBERS | {"strategy": "channel", "dynamic": False},
            "input_activations": _FP8_NUMBERS | {"strategy": "token", "dynamic": True},
        }
    },
}
_GPT_OSS: Final[dict[str, Any]] = {
    "architectures": ["GptOssForCausalLM"],
    "model_type": "gpt_oss",
    "hidden_size": 2880,
    "intermediate_size": 2880,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "num_experts_per_tok": 4,
    "experts_per_token": 4,
    "hidden_act": "silu",
    "swiglu_limit": 7.0,
    "attention_bias": True,
    "attention_dropout": 0.0,
    "sliding_window": 128,
    "initial_context_length": 4096,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-5,
    "rope_theta": 150000,
    "rope_scaling": {
        "rope_type": "yarn",
        "factor": 32.0,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "original_max_position_embeddings": 4096,
        "truncate": False,
    },
    "tie_word_embeddings": False,
    "dtype": "bfloat16",
    "vocab_size": 201088,
    "transformers_version": "5.17.0",
    "quantization_config": {
        "quant_method": "mxfp4",
        "modules_to_not_convert": [
            "model.layers.*.self_attn",
            "model.layers.*.mlp.router",
            "model.embed_tokens",
            "lm_head",
        ],
    },
}


@dataclass(frozen=True, slots=True)
class Shape:
    """A model without its weights, and the settings of its engine."""

    name: str
    config: dict[str, Any]
    _: KW_ONLY
    max_model_len: int = 32768
    max_num_seqs: int = 256
    kv_cache_dtype: str = "auto"
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    """More of vLLM's engine arguments."""

    def write(self, folder: Path) -> Path:
        """Writes the checkpoint into the folder and returns it."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(self.config, indent=2))
        (folder / "model.safetensors").write_bytes(_TINY_SAFETENSORS)
        for name in ("tokenizer_config.json", "chat_template.jinja"):
            shutil.copy(DEMO_MODEL / name, folder)
        (folder / "tokenizer.json").write_text(json.dumps(_wide_tokenizer(int(self.config["vocab_size"]))))
        return folder


def _wide_tokenizer(vocabulary: int) -> dict[str, Any]:
    """Returns the demo model's tokenizer, with an invented word for each id beyond its own."""
    tokenizer: dict[str, Any] = json.loads((DEMO_MODEL / "tokenizer.json").read_text(encoding="utf-8"))
    words: dict[str, int] = tokenizer["model"]["vocab"]
    first = max(*words.values(), *(token["id"] for token in tokenizer["added_tokens"])) + 1
    words |= {f"Ġw{number:x}": number for number in range(first, vocabulary)}
    return tokenizer


def _gpt_oss(layers: int, experts: int) -> dict[str, Any]:
    kinds = ["full_attention" if layer % 2 else "sliding_attention" for layer in range(layers)]
    return _GPT_OSS | {"num_hidden_layers": layers, "num_local_experts": experts, "layer_types": kinds}


QWEN_7B: Final = Shape("7B bf16", _QWEN_7B)
QWEN_7B_FP8: Final = Shape("7B FP8", _QWEN_7B | {"quantization_config": _FP8_DYNAMIC})
QWEN_7B_FP8_CACHE: Final = Shape("7B bf16, fp8 KV", _QWEN_7B, kv_cache_dtype="fp8")
# vLLM would capture 118 graphs for gpt-oss, up to 1,024 tokens: 90 s on an H200 were not enough.
_FEW_GRAPHS: Final[dict[str, Any]] = {"compilation_config": {"max_cudagraph_capture_size": 64}}


def _gpt_oss_shape(name: str, layers: int, experts: int, **arguments: Any) -> Shape:
    return Shape(
        name,
        _gpt_oss(layers, experts),
        max_model_len=65536,
        max_num_seqs=64,
        kv_cache_dtype="fp8",
        arguments=_FEW_GRAPHS | arguments,
    )


GPT_OSS_120B: Final = _gpt_oss_shape("gpt-oss-120b, fp8 KV", 36, 128)
GPT_OSS_120B_MARLIN: Final = _gpt_oss_shape("gpt-oss-120b, fp8 KV, Marlin", 36, 128, moe_backend="marlin")
GPT_OSS_20B: Final = _gpt_oss_shape("gpt-oss-20b, fp8 KV", 24, 32)
TINY: Final = Shape(
    "tiny",
    json.loads((DEMO_MODEL / "config.json").read_text(encoding="utf-8")) | {"vocab_size": 4096},
    max_model_len=4096,
)
"""The demo model's shape, for a machine without a GPU."""
