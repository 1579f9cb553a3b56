"""Quantised checkpoints read back as float32, from both packed formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from typer.testing import CliRunner

from aimo_solver.cli import main as cli
from aimo_solver.engine.number_format import parse_number_format
from aimo_solver.errors import InputError
from quantize.checkpoint import Checkpoint, read_checkpoint
from quantize.dequantise import dequantised, weight_errors
from tests.helpers.checkpoints import TOKENIZER_JSON

ROWS, COLUMNS, GROUP = 8, 16, 8


def pack(values: torch.Tensor, bits: int) -> torch.Tensor:
    """Packs unsigned integers along the last axis into 32-bit words, the first in the lowest bits."""
    per_word = 32 // bits
    words = values.reshape(*values.shape[:-1], -1, per_word).to(torch.int64)
    whole = sum(words[..., place] << (bits * place) for place in range(per_word))
    assert isinstance(whole, torch.Tensor)
    return torch.where(whole >= 2**31, whole - 2**32, whole).to(torch.int32)


def quantised(seed: int, bits: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns signed integers, one scale per group, and the weights they stand for."""
    random = torch.Generator().manual_seed(seed)
    half = 1 << (bits - 1)
    integers = torch.randint(-half, half, (ROWS, COLUMNS), generator=random)
    scales = torch.rand(ROWS, COLUMNS // GROUP, generator=random) + 0.5
    return integers, scales, integers * scales.repeat_interleave(GROUP, 1)


def write(folder: Path, tensors: dict[str, torch.Tensor], quantisation: object = None) -> Checkpoint:
    folder.mkdir(parents=True)
    config = {"architectures": ["LlamaForCausalLM"], "vocab_size": 4}
    (folder / "config.json").write_text(
        json.dumps(config | ({"quantization_config": quantisation} if quantisation else {}))
    )
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER_JSON))
    (folder / "tokenizer_config.json").write_text("{}")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    return read_checkpoint(folder)


def compressed(folder: Path, seed: int, bits: int) -> Checkpoint:
    """As llm-compressor writes W4A16 and W8A16."""
    integers, scales, _ = quantised(seed, bits)
    weights = {"num_bits": bits, "type": "int", "strategy": "group", "group_size": GROUP}
    return write(
        folder,
        {
            "a.weight_packed": pack(integers + (1 << (bits - 1)), bits),
            "a.weight_scale": scales,
            "a.weight_shape": torch.tensor([ROWS, COLUMNS]),
        },
        {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights}}},
    )


def gptq(folder: Path, seed: int, bits: int, order: torch.Tensor | None = None) -> Checkpoint:
    """As AutoGPTQ and GPTQModel write it: packed along columns, zero points minus 1."""
    integers, scales, _ = quantised(seed, bits)
    half = 1 << (bits - 1)
    groups = torch.arange(COLUMNS) // GROUP if order is None else order
    zeros = torch.full((COLUMNS // GROUP, ROWS), half - 1)
    return write(
        folder,
        {
            "a.qweight": pack(integers + half, bits).T,
            "a.qzeros": pack(zeros, bits),
            "a.scales": scales.T,
            "a.g_idx": groups.to(torch.int32),
        },
        {"quant_method": "gptq", "bits": bits, "group_size": GROUP, "desc_act": order is not None},
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([4, 8]), st.sampled_from([compressed, gptq]))
def test_both_formats_hold_the_same_weights(
    tmp_path_factory: pytest.TempPathFactory, seed: int, bits: int, make: Callable[[Path, int, int], Checkpoint]
) -> None:
    checkpoint = make(tmp_path_factory.mktemp("format") / "model", seed, bits)
    (name, weight), *rest = dequantised(checkpoint)
    assert name == "a.weight" and not rest
    assert torch.allclose(weight, quantised(seed, bits)[2])
    number_format = parse_number_format(dict(checkpoint.config))
    assert (number_format.bits, number_format.floating) == (bits, False)


def test_act_order_says_which_group_an_input_belongs_to(tmp_path: Path) -> None:
    order = torch.arange(COLUMNS) % 2
    integers, scales, _ = quantised(3, 4)
    (_, weight), *_ = dequantised(gptq(tmp_path / "model", 3, 4, order))
    assert torch.allclose(weight, integers * scales[:, order])


def test_unpacked_weights_have_one_scale_per_row(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(1)
    weight = torch.randn(ROWS, COLUMNS, generator=random)
    scale = weight.abs().amax(1, keepdim=True) / 448
    made = write(
        tmp_path / "fp8",
        {"a.weight": (weight / scale).to(torch.float8_e4m3fn), "a.weight_scale": scale},
        {"quant_method": "compressed-tensors"},
    )
    (error,) = weight_errors(write(tmp_path / "base", {"a.weight": weight}), made)
    assert error.name == "a.weight" and 0 < error.relative < 0.05


def test_errors_name_what_does_not_match(tmp_path: Path) -> None:
    weight = torch.ones(ROWS, COLUMNS)
    made, base = compressed(tmp_path / "made", 1, 4), write(tmp_path / "base", {"a.weight": weight})
    other = write(tmp_path / "other", {"b.weight": weight})
    small = write(tmp_path / "small", {"a.weight": weight[:, :8]})
    for one, sentence in (
        (other, "has 'a.weight', which .* does not have"),
        (small, r"shape \(8, 16\), its base \(8, 8\)"),
    ):
        with pytest.raises(InputError, match=sentence):
            weight_errors(one, made)
    with pytest.raises(InputError, match="holds no quantised weight"):
        weight_errors(base, base)


def test_the_command_reports_the_mean_and_the_worst(tmp_path: Path) -> None:
    weight = quantised(1, 4)[2]
    compressed(tmp_path / "made", 1, 4)
    write(tmp_path / "base", {"a.weight": weight})
    ran = CliRunner().invoke(cli.app, ["quantize", "check", str(tmp_path / "base"), str(tmp_path / "made")])
    assert ran.exit_code == 0 and "1 quantised weights, off by 0.00% on average" in ran.output
