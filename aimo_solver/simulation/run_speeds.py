"""The speeds that a run's own rollouts had: tokens/s of one against those that ran at once.

Unlike a measured engine's, they include prompts, waiting for code, and whatever else the machine
did: what a simulation of that very setting needs. The logs say when each rollout began and ended
and how many tokens it made; how they were spread over the time is estimated (expectation
maximisation: in proportion to the speeds, which then are tokens by seconds again).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aimo_solver.errors import InputError
from aimo_solver.policies.speed_table import SpeedTable
from aimo_solver.runs.samples import LoggedStream

ROUNDS = 200


def speeds_of_runs(groups: Sequence[Sequence[LoggedStream]], name: str) -> SpeedTable:
    """A row for 1, 2, up to 4, up to 8, ... streams at once, as far as the runs saw them.

    `groups` holds, problem by problem, the rollouts that ran side by side. Raises InputError.
    """
    rows = [row for group in groups for row in _seconds_by_bin(group)]
    if not rows:
        raise InputError("the runs hold no rollout that made a token; give runs that answered something")
    tokens = np.array([made for made, _, _ in rows], dtype=float)
    bins = max(len(seconds) for _, seconds, _ in rows)
    seconds, stream_seconds = np.zeros((len(rows), bins)), np.zeros(bins)
    for place, (_, spent, streams) in enumerate(rows):
        seconds[place, : len(spent)] = spent
        stream_seconds[: len(spent)] += streams
    seen = seconds.sum(axis=0) > 0
    speeds = _speeds(tokens, seconds[:, seen])
    at = np.rint(stream_seconds[seen] / seconds.sum(axis=0)[seen]).astype(int).tolist()
    source = f"{len(rows)} rollouts of a run, code and prompts included"
    return SpeedTable(name, tuple(at), tuple(round(float(speed), 3) for speed in speeds), (source,) * len(at))


def _seconds_by_bin(group: Sequence[LoggedStream]) -> list[tuple[int, list[float], list[float]]]:
    """Each rollout's tokens; its seconds by the bin of how many ran; and those times how many."""
    moments = sorted({moment for one in group for moment in (one.started_seconds, one.ended_seconds)})
    spans = []
    for begin, end in itertools.pairwise(moments):
        running = sum(one.started_seconds <= begin and one.ended_seconds >= end for one in group)
        spans.append((begin, end, running))
    bins = _bin(len(group)) + 1
    rows = []
    for one in group:
        seconds, streams = [0.0] * bins, [0.0] * bins
        for begin, end, running in spans:
            if one.started_seconds <= begin and one.ended_seconds >= end:
                seconds[_bin(running)] += end - begin
                streams[_bin(running)] += (end - begin) * running
        if one.tokens and sum(seconds) > 0:
            rows.append((one.tokens, seconds, streams))
    return rows


def _bin(streams: int) -> int:
    """1, 2, 3 to 4, 5 to 8, ..."""
    return (streams - 1).bit_length()


def _speeds(tokens: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    speeds = np.full(seconds.shape[1], tokens.sum() / seconds.sum())
    for _ in range(ROUNDS):
        expected = seconds * speeds
        speeds = (expected * (tokens / expected.sum(axis=1))[:, None]).sum(axis=0) / seconds.sum(axis=0)
    return _falling(speeds, seconds.sum(axis=0))


def _falling(speeds: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest speeds that never rise with the streams (pooled neighbours).

    Stragglers run almost alone and mostly wait for code: taken as they are, such seconds would say
    that fewer streams are slower.
    """
    pools: list[tuple[float, float, int]] = []
    for speed, weight in zip(speeds.tolist(), weights.tolist(), strict=True):
        pools.append((speed, weight, 1))
        while len(pools) > 1 and pools[-2][0] < pools[-1][0]:
            (one, its, many), (other, others, more) = pools[-2:]
            pools[-2:] = [((one * its + other * others) / (its + others), its + others, many + more)]
    return np.array([speed for speed, _, count in pools for _ in range(count)])
