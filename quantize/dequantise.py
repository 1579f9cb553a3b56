"""Dequantises: reads a quantised checkpoint's weights as float32, to compare them with the original's.

Reads the formats of compressed-tensors (packed integers, plain integers, floats) and of AutoGPTQ
(`checkpoint_format: gptq`). This needs no kernel, so it also checks formats that this machine cannot
run. Activations are not checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aimo_solver.errors import InputError
from quantize.checkpoint import Checkpoint

if TYPE_CHECKING:
    from torch import Tensor

_WORD_BITS = 32


@dataclass(frozen=True, slots=True)
class WeightError:
    """How far one matrix is from the original."""

    name: str
    relative: float
    """Root mean square of the difference, divided by that of the original."""


def weight_errors(base: Checkpoint, made: Checkpoint) -> list[WeightError]:
    """Returns the error of every quantised weight, sorted by name.

    Raises InputError when nothing is quantised, or when `base` is not what it was made from.
    """
    errors: list[WeightError] = []
    for name, weight in dequantised(made):
        if name not in base.tensors:
            raise InputError(
                f"{made.folder}: has {name!r}, which {base.folder} does not have; name the checkpoint it was made from"
            )
        original = _tensor(base, name).float()
        if original.shape != weight.shape:
            raise InputError(
                f"{made.folder}: {name!r} has shape {tuple(weight.shape)}, its base {tuple(original.shape)}"
            )
        errors.append(WeightError(name, _norm(weight - original) / _norm(original)))
    if not errors:
        raise InputError(f"{made.folder}: holds no quantised weight that can be read; is it quantised?")
    return errors


def dequantised(checkpoint: Checkpoint) -> Iterator[tuple[str, Tensor]]:
    """Yields the name and float32 values (outputs x inputs) of every quantised weight. Raises InputError."""
    settings: dict[str, Any] = checkpoint.config.get("quantization_config") or {}
    if settings.get("checkpoint_format", "gptq") != "gptq":
        raise InputError(
            f"{checkpoint.folder}: checkpoint_format must be 'gptq', got {settings['checkpoint_format']!r}"
        )
    if any(name.endswith(".weight_zero_point") for name in checkpoint.tensors):
        raise InputError(f"{checkpoint.folder}: has zero points; only symmetric formats can be read")
    for name in sorted(checkpoint.tensors):
        stem = name.rpartition(".")[0]
        if name.endswith(".weight_packed"):
            yield f"{stem}.weight", _unpacked(checkpoint, stem, settings)
        elif name.endswith(".qweight"):
            yield f"{stem}.weight", _gptq(checkpoint, stem, settings)
        elif name.endswith(".weight") and f"{stem}.weight_scale" in checkpoint.tensors:
            yield name, _tensor(checkpoint, name).float() * _tensor(checkpoint, f"{stem}.weight_scale").float()


def _unpacked(checkpoint: Checkpoint, stem: str, settings: dict[str, Any]) -> Tensor:
    """Reads compressed-tensors' pack-quantized: packed along rows, lowest bits first, offset to be unsigned."""
    rows, columns = (int(size) for size in _tensor(checkpoint, f"{stem}.weight_shape"))
    bits = _bits(checkpoint, settings)
    values = _split(_tensor(checkpoint, f"{stem}.weight_packed"), bits, along=1)[:, :columns] - (1 << (bits - 1))
    scale = _tensor(checkpoint, f"{stem}.weight_scale").float().reshape(rows, -1)
    if f"{stem}.weight_g_idx" in checkpoint.tensors:
        groups = _tensor(checkpoint, f"{stem}.weight_g_idx").long()
        return values * scale[:, groups]
    return values * scale.repeat_interleave(columns // scale.shape[1], dim=1)


def _gptq(checkpoint: Checkpoint, stem: str, settings: dict[str, Any]) -> Tensor:
    """Reads AutoGPTQ's format: packed along columns, zero points stored minus 1, `g_idx` gives each input's group."""
    bits = _bits(checkpoint, settings)
    values = _split(_tensor(checkpoint, f"{stem}.qweight"), bits, along=0)
    zeros = _split(_tensor(checkpoint, f"{stem}.qzeros"), bits, along=1) + 1
    scales = _tensor(checkpoint, f"{stem}.scales").float()
    groups = _tensor(checkpoint, f"{stem}.g_idx").long()
    return (scales[groups] * (values - zeros[groups])).T.contiguous()


def _split(packed: Tensor, bits: int, along: int) -> Tensor:
    """Unpacks integers of `bits` bits from 32-bit words."""
    import torch

    words = packed.to(torch.int64) & 0xFFFFFFFF
    shifts = torch.arange(0, _WORD_BITS, bits)
    if along == 0:
        return ((words[:, None, :] >> shifts[None, :, None]) & ((1 << bits) - 1)).reshape(-1, words.shape[1])
    return ((words[:, :, None] >> shifts) & ((1 << bits) - 1)).reshape(words.shape[0], -1)


def _bits(checkpoint: Checkpoint, settings: dict[str, Any]) -> int:
    bits = settings.get("bits")
    for group in settings.get("config_groups", {}).values():
        bits = group["weights"]["num_bits"]
    if bits not in (2, 4, 8):
        raise InputError(f"{checkpoint.folder}: weights must have 2, 4 or 8 bits, got {bits!r}")
    return bits


def _norm(matrix: Tensor) -> float:
    return float(matrix.square().sum().sqrt())


def _tensor(checkpoint: Checkpoint, name: str) -> Tensor:
    # torch takes seconds to import.
    from safetensors import safe_open

    if name not in checkpoint.tensors:
        raise InputError(f"{checkpoint.folder}: has no tensor {name!r}; the checkpoint is incomplete")
    with safe_open(checkpoint.folder / checkpoint.tensors[name].shard, framework="pt") as file:
        return file.get_tensor(name)
