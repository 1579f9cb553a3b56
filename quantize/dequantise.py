"""Dequantise: a quantised checkpoint's weights as numbers, to compare with those it was made from.

Reads the formats of compressed-tensors (packed integers, plain integers, floats) and of AutoGPTQ
(`checkpoint_format: gptq`). For formats that no kernel here runs, this is what can be checked. Says
nothing of activations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimo_solver.errors import InputError
from quantize.checkpoint import Checkpoint

if TYPE_CHECKING:
    from torch import Tensor

_WORD_BITS = 32


@dataclass(frozen=True, slots=True)
class WeightError:
    """How far one matrix is from its original."""

    name: str
    relative: float
    """Root mean square of the difference over that of the original."""


def weight_errors(base: Checkpoint, made: Checkpoint) -> list[WeightError]:
    """Of every quantised weight, in order of their names. Raises InputError when there is none, or one of another."""
    errors: list[WeightError] = []
    for name, weight in dequantised(made):
        if name not in base.tensors:
            raise InputError(f"{made.folder}: has {name!r}, which {base.folder} has not; name its own base")
        original = _tensor(base, name).float()
        if original.shape != weight.shape:
            raise InputError(f"{made.folder}: {name!r} is {tuple(weight.shape)}, its base's {tuple(original.shape)}")
        errors.append(WeightError(name, float((weight - original).norm() / original.norm())))
    if not errors:
        raise InputError(f"{made.folder}: holds no quantised weight this program can read; is it quantised?")
    return errors


def dequantised(checkpoint: Checkpoint) -> Iterator[tuple[str, Tensor]]:
    """Name and float32 values, rows are outputs, of every quantised weight. Raises InputError."""
    settings = checkpoint.config.get("quantization_config") or {}
    if settings.get("checkpoint_format", "gptq") != "gptq":
        raise InputError(
            f"{checkpoint.folder}: checkpoint_format must be 'gptq', got {settings['checkpoint_format']!r}"
        )
    if any(name.endswith(".weight_zero_point") for name in checkpoint.tensors):
        raise InputError(f"{checkpoint.folder}: has zero points; only symmetric formats are read")
    for name in sorted(checkpoint.tensors):
        stem = name.rpartition(".")[0]
        if name.endswith(".weight_packed"):
            yield f"{stem}.weight", _unpacked(checkpoint, stem, settings)
        elif name.endswith(".qweight"):
            yield f"{stem}.weight", _gptq(checkpoint, stem, settings)
        elif name.endswith(".weight") and f"{stem}.weight_scale" in checkpoint.tensors:
            yield name, _tensor(checkpoint, name).float() * _tensor(checkpoint, f"{stem}.weight_scale").float()


def _unpacked(checkpoint: Checkpoint, stem: str, settings: dict) -> Tensor:
    """compressed-tensors' pack-quantized: along a row, the lowest bits first, shifted to be unsigned."""
    rows, columns = _tensor(checkpoint, f"{stem}.weight_shape").tolist()
    bits = _bits(checkpoint, settings)
    values = _split(_tensor(checkpoint, f"{stem}.weight_packed"), bits, along=1)[:, :columns] - (1 << (bits - 1))
    scale = _tensor(checkpoint, f"{stem}.weight_scale").float().reshape(rows, -1)
    if f"{stem}.weight_g_idx" in checkpoint.tensors:
        groups = _tensor(checkpoint, f"{stem}.weight_g_idx").long()
        return values * scale[:, groups]
    return values * scale.repeat_interleave(columns // scale.shape[1], dim=1)


def _gptq(checkpoint: Checkpoint, stem: str, settings: dict) -> Tensor:
    """AutoGPTQ's: along a column; zero points are stored less one; `g_idx` names each input's group."""
    bits = _bits(checkpoint, settings)
    values = _split(_tensor(checkpoint, f"{stem}.qweight"), bits, along=0)
    zeros = _split(_tensor(checkpoint, f"{stem}.qzeros"), bits, along=1) + 1
    scales = _tensor(checkpoint, f"{stem}.scales").float()
    groups = _tensor(checkpoint, f"{stem}.g_idx").long()
    return (scales[groups] * (values - zeros[groups])).T.contiguous()


def _split(packed: Tensor, bits: int, along: int) -> Tensor:
    """The integers in 32-bit words."""
    import torch

    words = packed.to(torch.int64) & 0xFFFFFFFF
    shifts = torch.arange(0, _WORD_BITS, bits)
    if along == 0:
        return ((words[:, None, :] >> shifts[None, :, None]) & ((1 << bits) - 1)).reshape(-1, words.shape[1])
    return ((words[:, :, None] >> shifts) & ((1 << bits) - 1)).reshape(words.shape[0], -1)


def _bits(checkpoint: Checkpoint, settings: dict) -> int:
    bits = settings.get("bits")
    for group in settings.get("config_groups", {}).values():
        bits = group["weights"]["num_bits"]
    if bits not in (2, 4, 8):
        raise InputError(f"{checkpoint.folder}: its weights must have 2, 4 or 8 bits, got {bits!r}")
    return bits


def _tensor(checkpoint: Checkpoint, name: str) -> Tensor:
    # torch takes seconds to import.
    from safetensors import safe_open

    if name not in checkpoint.tensors:
        raise InputError(f"{checkpoint.folder}: has no tensor {name!r}; it was not written whole")
    with safe_open(checkpoint.folder / checkpoint.tensors[name].shard, framework="pt") as file:
        return file.get_tensor(name)
