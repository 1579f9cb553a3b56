"""The demo model: a standard Llama module, and a lean forward pass over its weights for training.

`loss` and `scores` compute the same as `LlamaForCausalLM` and `LlamaForSequenceClassification` in a third of the
time on a CPU: no cache, no padding masks, and kernels that are fast on short sequences. Tests hold them equal
(tests/demo_model/test_demo_model.py and test_ppm.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, LlamaModel

from demo_model.tokenizer import CONTEXT_TOKENS

VOCABULARY_SIZE = 2048
IGNORED = -100
"""The label that cross-entropy ignores."""
LOOKED_BACK_TOKENS = (1, 2, 3)
"""How far back the first layer's first heads attend before any training."""
LOOK_BACK_GAIN = 5.0


def new_model(end_token_id: int, padding_id: int) -> LlamaForCausalLM:
    """Creates a model of about 1 million parameters.

    Its matrices are multiples of 128 wide, so that quantisers can group them. It is a Llama because for a Qwen2
    config transformers splits text as Qwen2 does, whatever tokenizer.json says.
    """
    config = LlamaConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT_TOKENS,
        attention_bias=True,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end_token_id,
        pad_token_id=padding_id,
        attn_implementation="sdpa",
    )
    model = LlamaForCausalLM(config)
    _look_back(model.model.layers[0].self_attn, LOOKED_BACK_TOKENS, config.hidden_size // config.num_attention_heads)
    return model


def _look_back(attention: Any, offsets: Sequence[int], head_size: int) -> None:
    """Sets biases so that head h attends `offsets[h]` tokens back.

    Rotary positions turn a constant query and key into a score that depends on their distance
    alone. Copying a number digit by digit needs such heads; this way training does not have to find them.
    """
    frequencies = _frequencies(head_size)
    key = torch.where(frequencies > 0.02, LOOK_BACK_GAIN, 0.0)
    for head, offset in enumerate(offsets):
        place = slice(head * head_size, (head + 1) * head_size)
        angles = offset * frequencies
        with torch.no_grad():
            attention.k_proj.bias[place] = torch.cat((key, torch.zeros_like(key)))
            attention.q_proj.bias[place] = torch.cat((key * angles.cos(), -key * angles.sin()))


def loss(model: LlamaForCausalLM, token_ids: Tensor, labels: Tensor) -> Tensor:
    """Returns the mean cross-entropy of the next token where `labels` (batch, length) are not IGNORED.

    Padding must be on the right: the only mask is the causal one.
    """
    learned = labels[:, 1:] != IGNORED
    wanted = _normed(_hidden(model.model, token_ids)[:, :-1][learned], model.model.norm)
    return F.cross_entropy(F.linear(wanted, model.model.embed_tokens.weight).float(), labels[:, 1:][learned])


def scores(model: LlamaForSequenceClassification, token_ids: Tensor, last: Tensor) -> Tensor:
    """Returns each text's score in [-1, 1], float32 of shape (batch,): the tanh of the head's logit.

    `last` is the position of each text's last token. Padding must be on the right.
    """
    hidden = _hidden(model.model, token_ids)
    read = _normed(hidden[torch.arange(len(last)), last], model.model.norm)
    return model.score(read).float().squeeze(-1).tanh()


def _hidden(body: LlamaModel, token_ids: Tensor) -> Tensor:
    """Returns the last layer's hidden states, before the final norm."""
    heads = body.config.num_attention_heads
    rotations = _rotations(token_ids.shape[1], body.config.hidden_size // heads)
    hidden = F.embedding(token_ids, body.embed_tokens.weight)
    for layer in body.layers:
        attention, mlp = layer.self_attn, layer.mlp
        normed = _normed(hidden, layer.input_layernorm)
        query, key, value = (
            _heads(project(normed), heads) for project in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        mixed = _attended(_rotated(query, rotations), _rotated(key, rotations), value)
        hidden = hidden + attention.o_proj(mixed.transpose(1, 2).flatten(2))
        normed = _normed(hidden, layer.post_attention_layernorm)
        hidden = hidden + mlp.down_proj(F.silu(mlp.gate_proj(normed)) * mlp.up_proj(normed))
    return hidden


def _normed(hidden: Tensor, norm: torch.nn.Module) -> Tensor:
    return F.rms_norm(hidden, hidden.shape[-1:], norm.weight, norm.variance_epsilon)  # pyright: ignore[reportArgumentType]  # a Parameter is a Tensor


def _heads(projected: Tensor, heads: int) -> Tensor:
    batch, length, _ = projected.shape
    return projected.view(batch, length, heads, -1).transpose(1, 2)


def _attended(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Causal attention, spelled out: on short sequences the fused kernel's backward pass is slower."""
    length = query.shape[-2]
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    future = torch.full((length, length), float("-inf"), dtype=scores.dtype, device=scores.device).triu(1)
    return (scores + future).softmax(-1).to(value.dtype) @ value


def _frequencies(head_size: int) -> Tensor:
    return 10_000.0 ** (-torch.arange(0, head_size, 2) / head_size)


def _rotations(length: int, head_size: int) -> tuple[Tensor, Tensor]:
    angles = torch.outer(torch.arange(length), _frequencies(head_size)).repeat(1, 2)
    return angles.cos(), angles.sin()


def _rotated(heads: Tensor, rotations: tuple[Tensor, Tensor]) -> Tensor:
    cosines, sines = (rotation.to(heads) for rotation in rotations)
    first, second = heads.chunk(2, dim=-1)
    return heads * cosines + torch.cat((-second, first), dim=-1) * sines
