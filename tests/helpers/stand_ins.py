"""Checkpoint folders that have every file of a real one and no weights: configs, a tiny tokenizer, sparse tensors."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers

CHAT_TEMPLATE = (
    "{% for message in messages %}[{{ message['role'] }}]{{ message['content'] }}[end]{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
QWEN: Mapping[str, Any] = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "hidden_size": 512,
    "intermediate_size": 1024,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "num_hidden_layers": 4,
    "max_position_embeddings": 8192,
    "vocab_size": 1000,
    "rms_norm_eps": 1e-6,
    "dtype": "bfloat16",
}
GPTQ: Mapping[str, Any] = {"quant_method": "gptq", "bits": 4, "group_size": 64, "sym": True, "desc_act": False}
Tensors = Mapping[str, tuple[str, Sequence[int]]]
"""Each tensor's dtype and shape."""
_BYTES = {"BF16": 2, "F16": 2, "F32": 4, "I32": 4, "U8": 1}


def write_stand_in(
    folder: Path,
    *,
    config: Mapping[str, Any] | None = None,
    template: str | None = CHAT_TEMPLATE,
    special: Sequence[str] = ("[end]",),
    tensors: Tensors | None = None,
) -> Path:
    """Writes a whole folder; `config` has what is different from a small Qwen2. A value of None leaves a key out."""
    folder.mkdir(parents=True, exist_ok=True)
    merged = dict(QWEN) | dict(config or {})
    (folder / "config.json").write_text(json.dumps({key: value for key, value in merged.items() if value is not None}))
    words = ["<unk>", *(chr(code) for code in range(33, 127)), "Ġ"]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.add_special_tokens(list(special))  # pyright: ignore[reportUnknownMemberType]
    tokenizer.save(str(folder / "tokenizer.json"))
    settings: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"}
    if template is not None:
        settings["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    write_tensors(folder / "model.safetensors", tensors or {"model.embed_tokens.weight": ("BF16", (1000, 512))})
    return folder


def write_tensors(path: Path, tensors: Tensors) -> None:
    """Writes a safetensors file whose numbers are a hole, so that any size takes no room."""
    header: dict[str, Any] = {}
    end = 0
    for name, (dtype, shape) in tensors.items():
        begin, end = end, end + _BYTES[dtype] * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    write_raw_tensors(path, header, end)


def write_raw_tensors(path: Path, header: object, data_bytes: int) -> None:
    """Writes a safetensors file with this header, right or wrong."""
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + data_bytes)
