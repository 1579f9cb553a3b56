"""A tiny gpt-oss checkpoint with the real vocabulary, whose next token depends on the last one alone.

Attention and experts add nothing to a token's embedding, so that it writes what `WRITES` holds, choosing at random
where several texts go on from one token: calls of Python, messages without an answer, answers, other ends.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import torch
from openai_harmony import HarmonyEncoding, HarmonyEncodingName, load_harmony_encoding
from safetensors.torch import save_file

CODE: Final = "print(17*19)"
ANSWER: Final = 323
WRITES: Final = (
    f"assistant<|channel|>analysis to=python code<|message|>{CODE}<|call|>",
    "assistant<|channel|>analysis<|message|>Let me see<|end|><|start|>assistant",
    f"assistant<|channel|>final<|message|>The answer is $\\boxed{{{ANSWER}}}$<|return|>",
    "<|message|>Nobody knows<|return|>",
)
VOCABULARY: Final = 201_088
TEXT_TOKENS: Final = 199_998
"""Ids below this are pieces of text, those from it on control tokens."""
LAST_CONTROL: Final = 200_018
_HIDDEN, _HEADS, _HEAD_SIZE, _EXPERTS, _LAYERS = 64, 2, 32, 2, 2
_OTHER: Final = _HIDDEN - 1
"""The dimension of all tokens that WRITES does not hold; the model ends its turn after them."""
_PATTERN: Final = "|".join(
    [
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
"""How o200k splits a text before it merges bytes."""


def write_gpt_oss(folder: Path) -> Path:
    """Writes the checkpoint and returns its folder."""
    folder.mkdir(parents=True)
    encoding = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)
    _write_tokenizer(folder, encoding)
    _dump(
        folder / "config.json",
        {
            "architectures": ["GptOssForCausalLM"],
            "model_type": "gpt_oss",
            "transformers_version": "4.55.0",
            "dtype": "bfloat16",
            "vocab_size": VOCABULARY,
            "hidden_size": _HIDDEN,
            "intermediate_size": _HIDDEN,
            "num_hidden_layers": _LAYERS,
            "layer_types": ["sliding_attention", "full_attention"],
            "sliding_window": 128,
            "num_attention_heads": _HEADS,
            "num_key_value_heads": 1,
            "head_dim": _HEAD_SIZE,
            "num_local_experts": _EXPERTS,
            "num_experts_per_tok": 1,
            "max_position_embeddings": 131_072,
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 150_000.0,
                "factor": 32.0,
                "beta_fast": 32.0,
                "beta_slow": 1.0,
                "truncate": False,
                "original_max_position_embeddings": 4096,
            },
            "eos_token_id": _token(encoding, "<|return|>"),
        },
    )
    _write_weights(folder, encoding)
    return folder


def _write_tokenizer(folder: Path, encoding: HarmonyEncoding) -> None:
    alphabet = _byte_alphabet()
    pieces = [_bytes(encoding, token) for token in range(TEXT_TOKENS)]
    ranks = {piece: token for token, piece in enumerate(pieces)}

    def written(piece: bytes) -> str:
        return "".join(alphabet[byte] for byte in piece)

    control = {token: _bytes(encoding, token).decode() for token in range(TEXT_TOKENS, LAST_CONTROL)}
    added = [
        {"id": token, "content": name, "special": True, "normalized": False, "single_word": False}
        | {"lstrip": False, "rstrip": False}
        for token, name in control.items()
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": _PATTERN}, "behavior": "Isolated", "invert": False}
    model = {
        "type": "BPE",
        "ignore_merges": True,
        "vocab": {written(piece): token for token, piece in enumerate(pieces)},
        "merges": [(written(left), written(right)) for piece in pieces for left, right in _splits(piece, ranks)],
    }
    steps = {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]}, "decoder": byte_level}
    _dump(folder / "tokenizer.json", {"version": "1.0", "added_tokens": added, "model": model} | steps)
    own = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|startoftext|>", "eos_token": "<|return|>"}
    _dump(folder / "tokenizer_config.json", own)
    stops = [_token(encoding, stop) for stop in ("<|return|>", "<|endoftext|>", "<|call|>")]
    _dump(folder / "generation_config.json", {"eos_token_id": stops})


def _splits(piece: bytes, ranks: Mapping[bytes, int]) -> Iterator[tuple[bytes, bytes]]:
    """Yields the pairs of pieces that merge into this one, those of the lowest ranks first."""
    pairs = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
    known = [(ranks[left], ranks[right], left, right) for left, right in pairs if left in ranks and right in ranks]
    yield from ((left, right) for _, _, left, right in sorted(known))


def _write_weights(folder: Path, encoding: HarmonyEncoding) -> None:
    texts = [encoding.encode(text, allowed_special="all") for text in WRITES]
    places = {token: place for place, token in enumerate(sorted({token for text in texts for token in text}))}
    assert len(places) < _OTHER
    embedding, head = torch.zeros(VOCABULARY, _HIDDEN), torch.zeros(VOCABULARY, _HIDDEN)
    embedding[:, _OTHER] = 1.0
    head[_token(encoding, "<|return|>"), _OTHER] = 4.0
    for token, place in places.items():
        embedding[token] = torch.nn.functional.one_hot(torch.tensor(place), _HIDDEN).float()
    followers: dict[int, set[int]] = defaultdict(set)
    for text in texts:
        for token, following in pairwise(text):
            followers[token].add(following)
    for token, following in followers.items():
        head[sorted(following), places[token]] = 4.0
    tensors = {"model.embed_tokens.weight": embedding, "lm_head.weight": head, "model.norm.weight": torch.ones(_HIDDEN)}
    for layer in range(_LAYERS):
        tensors |= {f"model.layers.{layer}.{name}": tensor for name, tensor in _silent_layer().items()}
    save_file({name: tensor.bfloat16() for name, tensor in tensors.items()}, folder / "model.safetensors")


def _silent_layer() -> dict[str, torch.Tensor]:
    """Returns the tensors of a layer that adds nothing: what its attention and its experts give back is zero."""
    wide = _HEADS * _HEAD_SIZE
    return {
        "input_layernorm.weight": torch.ones(_HIDDEN),
        "post_attention_layernorm.weight": torch.ones(_HIDDEN),
        "self_attn.q_proj.weight": torch.randn(wide, _HIDDEN, generator=torch.Generator().manual_seed(0)),
        "self_attn.q_proj.bias": torch.zeros(wide),
        "self_attn.k_proj.weight": torch.ones(_HEAD_SIZE, _HIDDEN),
        "self_attn.k_proj.bias": torch.zeros(_HEAD_SIZE),
        "self_attn.v_proj.weight": torch.ones(_HEAD_SIZE, _HIDDEN),
        "self_attn.v_proj.bias": torch.zeros(_HEAD_SIZE),
        "self_attn.o_proj.weight": torch.zeros(_HIDDEN, wide),
        "self_attn.o_proj.bias": torch.zeros(_HIDDEN),
        "self_attn.sinks": torch.zeros(_HEADS),
        "mlp.router.weight": torch.eye(_EXPERTS, _HIDDEN),
        "mlp.router.bias": torch.zeros(_EXPERTS),
        "mlp.experts.gate_up_proj": torch.ones(_EXPERTS, _HIDDEN, 2 * _HIDDEN),
        "mlp.experts.gate_up_proj_bias": torch.zeros(_EXPERTS, 2 * _HIDDEN),
        "mlp.experts.down_proj": torch.zeros(_EXPERTS, _HIDDEN, _HIDDEN),
        "mlp.experts.down_proj_bias": torch.zeros(_EXPERTS, _HIDDEN),
    }


def _byte_alphabet() -> dict[int, str]:
    """Returns the characters that stand for bytes in a byte-level tokenizer."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(0x100) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {byte: chr(0x100 + place) for place, byte in enumerate(hidden)}


def _bytes(encoding: HarmonyEncoding, token: int) -> bytes:
    raw = encoding._inner  # pyright: ignore[reportPrivateUsage]  # decode() replaces what is not whole characters
    return bytes(raw.decode_bytes([token]))


def _token(encoding: HarmonyEncoding, text: str) -> int:
    (token,) = encoding.encode(text, allowed_special="all")
    return token


def _dump(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
