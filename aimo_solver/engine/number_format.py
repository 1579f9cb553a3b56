"""NumberFormat: how a checkpoint stores its numbers, according to its config.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

_FLOATING_METHODS: Final = ("fp8", "fbgemm_fp8", "mxfp4", "nvfp4")
_FLOATING_KINDS: Final = ("float", "e4m3", "e5m2")


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFormat:
    """A checkpoint's number format, according to its config."""

    method: str
    """`quantization_config.quant_method`; "none" without such an entry."""
    bits: int | None = None
    """Bits per weight; None if not quantised or unknown."""
    floating: bool = False
    """Whether quantised weights are floating-point numbers."""
    activations: str = ""
    """For compressed-tensors: "16-bit", "dynamic" or "static" (scaled by calibration); empty means unknown."""

    @property
    def description(self) -> str:
        """The method, and the bits of a weight if known."""
        if self.method == "none":
            return "not quantised"
        return self.method + (f", {self.bits}-bit {'floats' if self.floating else 'integers'}" if self.bits else "")


def read_number_format(checkpoint: Path) -> NumberFormat:
    """Reads the format of a checkpoint that has passed `check_checkpoint`."""
    return parse_number_format(json.loads((checkpoint / "config.json").read_text(encoding="utf-8")))


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
    if method in ("fp8", "fbgemm_fp8"):
        bits = bits or 8
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
