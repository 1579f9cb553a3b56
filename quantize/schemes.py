"""Schemes: the number formats a checkpoint can be made in, what writes each, and where each runs.

`w4a16` means 4-bit weights with 16-bit activations, and so on. `loads_on_cpu` was measured with vLLM
0.32 for CPUs; compute capabilities are from vLLM's documentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Final

from aimo_solver.engine.hardware import Card
from aimo_solver.errors import InputError
from quantize.writers import AUTO_GPTQ, GPTQMODEL, LLM_COMPRESSOR, Writer, find_writer


@dataclass(frozen=True, slots=True)
class Scheme:
    """A number format for a checkpoint."""

    name: str
    description: str
    _: KW_ONLY
    calibrated: bool = True
    """Whether it needs rollouts to calibrate on."""
    loads_on_cpu: bool
    min_capability: tuple[int, int] = (7, 5)
    """Compute capability that an NVIDIA card must have: 7.5 is a T4, 8.9 an L4, 9.0 an H100."""
    writers: tuple[Writer, ...] = (LLM_COMPRESSOR,)
    """What can write it, the default first."""
    bits: int | None = None
    """Bits of the weights that GPTQ rounds; None means that GPTQ is not used."""
    grouped: bool = False
    """Whether each group of weights has a scale; otherwise each row has one."""


_GPTQ: Final = (GPTQMODEL, AUTO_GPTQ)
_W4A16 = Scheme("w4a16", "4-bit weights by GPTQ", loads_on_cpu=True, bits=4, grouped=True)
_W8A16 = Scheme("w8a16", "8-bit weights by GPTQ", loads_on_cpu=False, bits=8, grouped=True)
_W8A8 = Scheme("w8a8", "8-bit weights by GPTQ, 8-bit activations scaled at run time", loads_on_cpu=True, bits=8)
_FP8_DYNAMIC = Scheme(
    "fp8-dynamic", "8-bit floats, activations scaled at run time", calibrated=False, loads_on_cpu=True
)
_FP8 = Scheme("fp8", "8-bit floats, activations scaled in advance", loads_on_cpu=False)
_FP8_KV = Scheme("fp8-kv", "fp8, with scales for an 8-bit key-value cache", loads_on_cpu=False, min_capability=(8, 9))
_GPTQ_4BIT = Scheme(
    "gptq-4bit",
    "4-bit weights in AutoGPTQ's checkpoint format",
    loads_on_cpu=True,
    writers=_GPTQ,
    bits=4,
    grouped=True,
)
_GPTQ_8BIT = Scheme(
    "gptq-8bit",
    "8-bit weights in AutoGPTQ's checkpoint format",
    loads_on_cpu=False,
    writers=_GPTQ,
    bits=8,
    grouped=True,
)
SCHEMES: Final = {
    scheme.name: scheme for scheme in (_W4A16, _W8A16, _W8A8, _FP8_DYNAMIC, _FP8, _FP8_KV, _GPTQ_4BIT, _GPTQ_8BIT)
}


def find_scheme(name: str) -> Scheme:
    """Returns the scheme of that name. Raises InputError that lists the names."""
    if name not in SCHEMES:
        raise InputError(f"scheme must be one of {', '.join(SCHEMES)}, got {name!r}")
    return SCHEMES[name]


def choose_writer(scheme: Scheme, backend: str | None, cards: Sequence[Card]) -> Writer:
    """Returns the writer to use on this machine, whose cards are `cards`. Raises InputError."""
    writer = scheme.writers[0] if backend is None else find_writer(backend)
    if writer not in scheme.writers:
        names = ", ".join(writer.name for writer in scheme.writers)
        raise InputError(f"backend of {scheme.name} must be one of {names}, got {writer.name!r}")
    if writer.needs_cuda and not cards:
        raise InputError(
            f"{writer.name} quantises on a CUDA card only, and this machine has none; "
            f"leave out --backend: {scheme.writers[0].name} writes the same format on a CPU"
        )
    return writer


def require_runs_on(scheme: Scheme, machine: str, cards: Sequence[Card]) -> None:
    """Raises InputError when the scheme cannot run on `cards`, or on a CPU if there are none.

    `machine`: its name, for the message.
    """
    if not cards and not scheme.loads_on_cpu:
        raise InputError(
            f"{scheme.name} has no kernel for a CPU; choose another scheme, or another card than {machine}"
        )
    for card in cards:
        if card.capability < scheme.min_capability:
            minimum = ".".join(map(str, scheme.min_capability))
            raise InputError(
                f"{scheme.name} needs compute capability {minimum}, {machine} has {card.description}; "
                "choose another scheme"
            )
