"""NumberFormat: how a checkpoint stores its numbers, according to its config.json.

Older AutoGPTQ and AutoAWQ wrote this into a file of its own; vLLM reads that file if it is asked for the method.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

_FLOATING_METHODS: Final = ("fp8", "fbgemm_fp8", "mxfp4", "nvfp4")
_OWN_FILES: Final[Mapping[str, str]] = {"quantize_config.json": "gptq", "quant_config.json": "awq"}
_FLOATING_KINDS: Final = ("float", "e4m3", "e5m2")


SLOW_ON_CPU: Final = (
    "vLLM runs fp8 on a CPU very slowly or not at all: 4 tokens/s were measured where bfloat16 made 2,000, and none in "
    "190 s with 135 million parameters; use the bfloat16 or a 4-bit form of the model here, or a GPU"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFormat:
    """A checkpoint's number format, according to its config."""

    method: str
    """`quantization_config.quant_method`; "none" without such an entry."""
    bits: int | None = None
    """Bits per weight; None if not quantised or unknown."""
    floating: bool = False
    """Whether quantised weights are floating-point numbers."""
    unmarked: bool = False
    """Whether config.json does not mention it, so that vLLM has to be asked for the method."""
    activations: str = ""
    """For compressed-tensors: "16-bit", "dynamic" or "static" (scaled by calibration); empty means unknown."""

    @property
    def slow_on_cpu(self) -> bool:
        """Whether `SLOW_ON_CPU` is to be said before it is loaded there."""
        return self.floating and self.bits == 8

    @property
    def description(self) -> str:
        """The method, and the bits of a weight if known."""
        if self.method == "none":
            return "not quantised"
        return self.method + (f", {self.bits}-bit {'floats' if self.floating else 'integers'}" if self.bits else "")


def read_number_format(checkpoint: Path) -> NumberFormat:
    """Reads the format of a checkpoint that has passed `check_checkpoint`."""
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    found = parse_number_format(config)
    for name, method in _OWN_FILES.items():
        path = checkpoint / name
        if found.method == "none" and path.is_file():
            settings = json.loads(path.read_text(encoding="utf-8"))
            bits = settings.get("bits", settings.get("w_bit"))
            return NumberFormat(method=str(settings.get("quant_method", method)).lower(), bits=bits, unmarked=True)
    return found


def unmarked_method(checkpoint: Path) -> str | None:
    """Returns the method to ask vLLM for where config.json does not name it; None where it does, or there is none."""
    found = read_number_format(checkpoint)
    return found.method if found.unmarked else None


def parse_number_format(config: Mapping[str, object]) -> NumberFormat:
    """Reads the format from a config.json as AutoGPTQ, compressed-tensors, FP8 and others write it."""
    quantisation = _fields(config.get("quantization_config"))
    if quantisation is None:
        return NumberFormat(method="none")
    method = str(quantisation.get("quant_method", "unknown")).lower()
    bits, kind = quantisation.get("bits"), str(quantisation.get("fmt", ""))
    activations = str(quantisation.get("activation_scheme", ""))
    for group in (_fields(quantisation.get("config_groups")) or {}).values():
        fields = _fields(group) or {}
        weights = _fields(fields.get("weights"))
        if weights is not None:
            bits, kind = weights.get("num_bits", bits), str(weights.get("type", kind))
            activations = _activations(fields.get("input_activations"))
    inside = _fields(quantisation.get("quantization")) or {}
    algorithm = str(quantisation.get("quant_algo", inside.get("quant_algo", ""))).upper()
    if method == "unknown" and algorithm:
        method = "modelopt"
    if method in ("fp8", "fbgemm_fp8") or algorithm == "FP8":
        bits, kind = bits or 8, kind or "float"
    elif method in ("mxfp4", "nvfp4"):
        bits = bits or 4
    return NumberFormat(
        method=method,
        bits=int(bits) if isinstance(bits, int | float) else None,
        floating=kind.startswith(_FLOATING_KINDS) or method in _FLOATING_METHODS,
        activations=activations,
    )


def _activations(settings: object) -> str:
    fields = _fields(settings)
    if fields is None:
        return "16-bit"
    return "dynamic" if fields.get("dynamic") else "static"


def _fields(value: object) -> Mapping[str, object] | None:
    """Returns a JSON object's fields; None for any other value."""
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else None
