"""Merges checkpoints linearly, such as 0.3 CoT + 0.7 TIR (OpenMath-Nemotron, arXiv 2504.16891).

Guarantees: parents with different architectures, tensors, shapes or vocabularies are refused before
anything is written; sums are computed in float32 and stored in the first parent's data types; only a
few tensors are in memory at a time; the new folder is complete or does not exist.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aimo_solver.errors import InputError
from quantize.checkpoint import (
    Checkpoint,
    copy_companions,
    new_folder,
    read_checkpoint,
    write_index,
    write_shard,
)

_SHAPE_KEYS = ("architectures", "model_type", "hidden_size", "num_hidden_layers", "vocab_size", "tie_word_embeddings")
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Parent:
    """A checkpoint to merge, and its weight in the sum."""

    folder: Path
    weight: float


def merge(parents: Sequence[Parent], out: Path, shard_done: Callable[[int, int], None] | None = None) -> Checkpoint:
    """Writes the merged checkpoint, with the last parent's config and tokenizer. Raises InputError.

    `shard_done` is called after each shard with the number of shards done and their total.
    """
    _require_weights(parents)
    read = [read_checkpoint(parent.folder) for parent in parents]
    _require_alike(read)
    shards = read[0].shards
    with new_folder(out) as building:
        copy_companions(parents[-1].folder, building)
        for number, (shard, names) in enumerate(shards.items(), start=1):
            _merge_shard(read, [parent.weight for parent in parents], names, building / shard)
            if shard_done is not None:
                shard_done(number, len(shards))
        write_index(building, shards)
        recipe = {"method": "linear", "parents": [{"folder": str(p.folder), "weight": p.weight} for p in parents]}
        (building / "merge.json").write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")
    return read_checkpoint(out)


def _require_weights(parents: Sequence[Parent]) -> None:
    if len(parents) < 2:
        raise InputError(f"a merge needs at least 2 checkpoints, got {len(parents)}")
    for parent in parents:
        if not math.isfinite(parent.weight):
            raise InputError(f"weight must be finite, got {parent.weight!r} for {parent.folder}")
    total = math.fsum(parent.weight for parent in parents)
    if abs(total - 1.0) > _TOLERANCE:
        raise InputError(f"weights must add up to 1 (such as 0.3 and 0.7), got {total:g}")


def _require_alike(read: Sequence[Checkpoint]) -> None:
    first = read[0]
    for other in read[1:]:
        pair = f"{first.folder} and {other.folder}"
        for key in _SHAPE_KEYS:
            if first.config.get(key) != other.config.get(key):
                raise InputError(
                    f"{pair} differ in {key}: {first.config.get(key)!r} and {other.config.get(key)!r}; "
                    "only checkpoints of one architecture can be merged"
                )
        for checkpoint in (first, other):
            if "quantization_config" in checkpoint.config:
                raise InputError(f"{checkpoint.folder}: is quantised; merge first, then quantise")
        if odd := first.tensors.keys() ^ other.tensors.keys():
            raise InputError(f"{pair} have different tensors: {min(odd)!r} is in only one of them")
        for name, info in first.tensors.items():
            if info.shape != other.tensors[name].shape:
                raise InputError(f"{pair}: {name!r} has shapes {info.shape} and {other.tensors[name].shape}")
        if first.vocabulary() != other.vocabulary():
            raise InputError(
                f"{pair} have different tokenizers; only checkpoints with the same vocabulary can be merged"
            )


def _merge_shard(read: Sequence[Checkpoint], weights: Sequence[float], names: Sequence[str], path: Path) -> None:
    tensors = {name: read[0].tensors[name] for name in names}
    write_shard(path, tensors, (_merged_bytes(read, weights, name) for name in names))


def _merged_bytes(read: Sequence[Checkpoint], weights: Sequence[float], name: str) -> bytes:
    # torch takes seconds to import, and numpy has no bfloat16.
    import torch
    from safetensors import safe_open

    dtype: torch.dtype | None = None
    total: torch.Tensor | None = None
    for checkpoint, weight in zip(read, weights, strict=True):
        with safe_open(checkpoint.folder / checkpoint.tensors[name].shard, framework="pt") as file:
            tensor = file.get_tensor(name)
        dtype = dtype or tensor.dtype
        part = tensor.to(torch.float32).mul_(weight)
        total = part if total is None else total.add_(part)
    assert total is not None, "a merge has parents"
    return total.to(dtype).flatten().view(torch.uint8).numpy().tobytes()
