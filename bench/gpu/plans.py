"""Which measurements each model gets, most wanted first: a call may end before all are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bench.gpu import measures, shapes, throughput
from bench.gpu.rig import Measure
from bench.gpu.shapes import Shape

START: Final[Mapping[str, Measure]] = {"start": measures.start_up, "memory": measures.memory}
RESTART: Final[Mapping[str, Measure]] = {"restart": measures.restart}


@dataclass(frozen=True, slots=True)
class Plan:
    """A model's shape and its measurements, by name."""

    shape: Shape
    measures: Mapping[str, Measure]


def _speeds(*streams: int) -> dict[str, Measure]:
    return {f"speed at {count}": throughput.speed(count) for count in streams}


def _ratio(streams: int, tokens: int) -> dict[str, Measure]:
    return {f"ours / bare at {streams}": throughput.ratio(streams, tokens)}


def _sampling_costs(streams: int, tokens: int) -> dict[str, Measure]:
    return {f"sampling at {streams}": throughput.sampling_costs(streams, tokens)}


_SPEEDS: Final = _speeds(1, 2, 4, 8, 16, 32, 64)
_BRIEF: Final[Mapping[str, Measure]] = {**START, **_speeds(1, 8, 24, 64), **_ratio(64, 192)}
PLANS: Final = (
    Plan(
        shapes.QWEN_7B,
        {
            **START,
            **_SPEEDS,
            **_ratio(64, 384),
            **_ratio(256, 192),
            "prefix cache": throughput.prefix_cache(32, 2000),
            "stop string": measures.stop_string,
            "abort": measures.abort(64),
            **_sampling_costs(64, 256),
            **RESTART,
            **_ratio(1, 192),
            **_ratio(8, 192),
            **_speeds(256),
        },
    ),
    Plan(shapes.QWEN_7B_FP8, {**START, **_SPEEDS, **_sampling_costs(64, 256), **_ratio(256, 192)}),
    Plan(shapes.GPT_OSS_120B, {**START, **_SPEEDS, **_ratio(64, 192)}),
    Plan(shapes.QWEN_7B_FP8_CACHE, _BRIEF),
    Plan(shapes.GPT_OSS_120B_MARLIN, _BRIEF),
    Plan(shapes.GPT_OSS_20B, _BRIEF),
)
TINY_PLAN: Final = Plan(
    shapes.TINY,
    {
        **START,
        **_speeds(4),
        **_ratio(8, 64),
        "prefix cache": throughput.prefix_cache(4, 500),
        "stop string": measures.stop_string,
        "abort": measures.abort(8),
        **_sampling_costs(8, 32),
        **RESTART,
    },
)
"""For a machine without a GPU."""
