"""Schemes: the number formats a checkpoint can be made in, who writes each, and where each runs.

`w4a16` is weights of 4 bits with activations of 16, and so on. What loads on the CPU engine was
tried (vLLM 0.32 for CPUs); compute capabilities are vLLM's documentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aimo_solver.engine.hardware import Card
from aimo_solver.errors import InputError
from quantize.writers import AUTO_GPTQ, GPTQMODEL, LLM_COMPRESSOR, Writer, find_writer


@dataclass(frozen=True, slots=True)
class Scheme:
    """One format."""

    name: str
    told: str
    calibrated: bool
    """Whether it needs rollouts to calibrate on."""
    loads_on_cpu: bool
    least_capability: tuple[int, int]
    """Of an NVIDIA card: 7.5 is a T4, 8.9 an L4, 9.0 an H100."""
    writers: tuple[Writer, ...] = (LLM_COMPRESSOR,)
    """Who can write it, the usual one first."""
    bits: int | None = None
    """Of weights that GPTQ rounds; None: it has no say."""
    grouped: bool = False
    """Whether groups of weights have a scale each; else a row has one."""


_GPTQ: Final = (GPTQMODEL, AUTO_GPTQ)
SCHEMES: Final = {
    scheme.name: scheme
    for scheme in (
        Scheme("w4a16", "4-bit weights by GPTQ", True, True, (7, 5), bits=4, grouped=True),
        Scheme("w8a16", "8-bit weights by GPTQ", True, False, (7, 5), bits=8, grouped=True),
        Scheme("w8a8", "8-bit weights by GPTQ, 8-bit activations as they come", True, True, (7, 5), bits=8),
        Scheme("fp8-dynamic", "8-bit floats, activations scaled as they come", False, True, (7, 5)),
        Scheme("fp8", "8-bit floats, activations scaled beforehand", True, False, (7, 5)),
        Scheme("fp8-kv", "fp8, and scales for an 8-bit key-value cache", True, False, (8, 9)),
        Scheme(
            "gptq-4bit", "4-bit weights in AutoGPTQ's checkpoint format", True, True, (7, 5), _GPTQ, 4, grouped=True
        ),
        Scheme(
            "gptq-8bit", "8-bit weights in AutoGPTQ's checkpoint format", True, False, (7, 5), _GPTQ, 8, grouped=True
        ),
    )
}


def find_scheme(name: str) -> Scheme:
    """The scheme of that name. Raises InputError that lists the names there are."""
    if name not in SCHEMES:
        raise InputError(f"scheme must be one of {', '.join(SCHEMES)}, got {name!r}")
    return SCHEMES[name]


def choose_writer(scheme: Scheme, backend: str | None, cards: Sequence[Card]) -> Writer:
    """Who writes it here. `cards`: those of this machine. Raises InputError."""
    writer = scheme.writers[0] if backend is None else find_writer(backend)
    if writer not in scheme.writers:
        able = ", ".join(writer.name for writer in scheme.writers)
        raise InputError(f"backend of {scheme.name} must be one of {able}, got {writer.name!r}")
    if writer.needs_cuda and not cards:
        raise InputError(
            f"{writer.name} quantises on a CUDA card only, and there is none here; "
            f"leave --backend out: {scheme.writers[0].name} writes the same format on a CPU"
        )
    return writer


def require_runs_on(scheme: Scheme, card: str, cards: Sequence[Card]) -> None:
    """Raises InputError when the scheme cannot run there. `card`: the machine's name; without cards it is a CPU."""
    if not cards and not scheme.loads_on_cpu:
        raise InputError(f"{scheme.name} has no kernel for a CPU; take another scheme for {card}, or another card")
    for one in cards:
        if one.capability < scheme.least_capability:
            least = ".".join(map(str, scheme.least_capability))
            raise InputError(f"{scheme.name} needs compute capability {least}, {one.told} of {card} has less")
