"""Schemes: the number formats a checkpoint can be made in, and where each runs.

`w4a16` is weights of 4 bits with activations of 16, and so on. What loads on the CPU engine was
tried (vLLM 0.32 for CPUs); compute capabilities are vLLM's documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aimo_solver.errors import InputError


@dataclass(frozen=True, slots=True)
class Scheme:
    """One format."""

    name: str
    told: str
    calibrated: bool
    """Whether it needs rollouts to calibrate on."""
    loads_on_cpu: bool
    least_capability: float
    """Of an NVIDIA card: 7.5 is a T4, 8.9 an L4, 9.0 an H100."""


SCHEMES: Final = {
    scheme.name: scheme
    for scheme in (
        Scheme("w4a16", "4-bit weights by GPTQ, groups of 128", True, True, 7.5),
        Scheme("w8a16", "8-bit weights by GPTQ", True, False, 7.5),
        Scheme("w8a8", "8-bit weights by GPTQ, 8-bit activations as they come", True, True, 7.5),
        Scheme("fp8-dynamic", "8-bit floats, activations scaled as they come", False, True, 7.5),
        Scheme("fp8", "8-bit floats, activations scaled beforehand", True, True, 7.5),
        Scheme("fp8-kv", "fp8, and scales for an 8-bit key-value cache", True, True, 8.9),
    )
}


def find_scheme(name: str) -> Scheme:
    """The scheme of that name. Raises InputError that lists the names there are."""
    if name not in SCHEMES:
        raise InputError(f"scheme must be one of {', '.join(SCHEMES)}, got {name!r}")
    return SCHEMES[name]
