"""Estimates a speed table from the logs of runs: tokens/s of one rollout, by how many ran at once.

Unlike speeds measured on an engine, these include prompts, waiting for code, and whatever else the
machine did: what a simulation of that same setting needs. The logs say when each rollout started
and ended and how many tokens it made. How its tokens were spread over that time is estimated by
expectation maximisation: in proportion to the speeds, which are then tokens by seconds again.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimo_solver.errors import InputError
from aimo_solver.policies.speed_table import SpeedTable
from aimo_solver.runs.samples import LoggedStream

ITERATIONS: Final = 200


class _RolloutTime(NamedTuple):
    """One rollout's tokens, and its time by how many rollouts ran at once (`_bin`)."""

    tokens: int
    seconds: list[float]
    stream_seconds: list[float]
    """The same seconds, each times the number of rollouts that ran."""


def estimate_run_speeds(groups: Sequence[Sequence[LoggedStream]], name: str) -> SpeedTable:
    """Returns a row for 1, 2, up to 4, up to 8, ... concurrent streams, as far as they occur in the runs.

    Each of `groups` holds the rollouts of one problem that ran side by side. Raises InputError.
    """
    times = [time for group in groups for time in _time_by_bin(group)]
    if not times:
        raise InputError("the runs hold no rollout that made a token; give runs that answered something")
    tokens = np.array([time.tokens for time in times], dtype=float)
    bins = max(len(time.seconds) for time in times)
    seconds, stream_seconds = np.zeros((len(times), bins)), np.zeros(bins)
    for place, time in enumerate(times):
        seconds[place, : len(time.seconds)] = time.seconds
        stream_seconds[: len(time.seconds)] += time.stream_seconds
    seen = seconds.sum(axis=0) > 0
    speeds = _estimate(tokens, seconds[:, seen])
    streams = np.rint(stream_seconds[seen] / seconds.sum(axis=0)[seen]).astype(int).tolist()
    source = f"{len(times)} rollouts of a run, code and prompts included"
    return SpeedTable(
        name,
        streams=tuple(streams),
        tokens_per_second=tuple(round(float(speed), 3) for speed in speeds),
        sources=(source,) * len(streams),
    )


def _time_by_bin(group: Sequence[LoggedStream]) -> list[_RolloutTime]:
    moments = sorted({moment for one in group for moment in (one.started_seconds, one.ended_seconds)})
    spans: list[tuple[float, float, int]] = []
    for begin, end in itertools.pairwise(moments):
        running = sum(one.started_seconds <= begin and one.ended_seconds >= end for one in group)
        spans.append((begin, end, running))
    bins = _bin(len(group)) + 1
    times: list[_RolloutTime] = []
    for one in group:
        seconds, stream_seconds = [0.0] * bins, [0.0] * bins
        for begin, end, running in spans:
            if one.started_seconds <= begin and one.ended_seconds >= end:
                seconds[_bin(running)] += end - begin
                stream_seconds[_bin(running)] += (end - begin) * running
        if one.tokens and sum(seconds) > 0:
            times.append(_RolloutTime(one.tokens, seconds, stream_seconds))
    return times


def _bin(streams: int) -> int:
    """Index of the bin: 1, 2, 3 to 4, 5 to 8, ... streams."""
    return (streams - 1).bit_length()


def _estimate(tokens: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Speeds by bin, from tokens by rollout and seconds by rollout and bin."""
    speeds = np.full(seconds.shape[1], tokens.sum() / seconds.sum())
    for _ in range(ITERATIONS):
        expected = seconds * speeds
        speeds = (expected * (tokens / expected.sum(axis=1))[:, None]).sum(axis=0) / seconds.sum(axis=0)
    return _make_decreasing(speeds, seconds.sum(axis=0))


def _make_decreasing(speeds: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest speeds that never rise with the number of streams (pool adjacent violators).

    Stragglers run almost alone and mostly wait for code: taken as they are, such seconds would say
    that fewer streams are slower.
    """
    blocks: list[tuple[float, float, int]] = []
    for speed, weight in zip(speeds.tolist(), weights.tolist(), strict=True):
        blocks.append((speed, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            (left, left_weight, left_bins), (right, right_weight, right_bins) = blocks[-2:]
            total = left_weight + right_weight
            blocks[-2:] = [((left * left_weight + right * right_weight) / total, total, left_bins + right_bins)]
    return np.array([speed for speed, _, bins in blocks for _ in range(bins)])
