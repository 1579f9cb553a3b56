"""Speeds estimated from the logs of runs whose speeds are known."""

from __future__ import annotations

from random import Random

import pytest

from aimo_solver.errors import InputError
from aimo_solver.policies.speed_table import SpeedTable
from aimo_solver.runs.samples import LoggedStream
from aimo_solver.simulation.run_speeds import estimate_run_speeds

SPEEDS = SpeedTable("known", streams=(1, 16), tokens_per_second=(100.0, 40.0), sources=("a test",) * 2)


def side_by_side(lengths: list[int]) -> list[LoggedStream]:
    """Rollouts of these lengths that start together and run to their ends at the known speeds."""
    now, done, group = 0.0, 0.0, list[LoggedStream]()
    left = sorted(lengths)
    for place, length in enumerate(left):
        now += (length - done) * SPEEDS.token_seconds(len(left) - place)
        done = length
        group.append(LoggedStream(0.0, now, length))
    return group


def test_speeds_are_those_the_rollouts_had() -> None:
    rng = Random(0)
    groups = [side_by_side([int(100 * 20 ** rng.random()) for _ in range(16)]) for _ in range(40)]
    table = estimate_run_speeds(groups, "mine")
    assert table.streams[:2] == (1, 2)
    for streams, speed in zip(table.streams, table.tokens_per_second, strict=True):
        assert speed == pytest.approx(SPEEDS.per_stream(streams), rel=0.08)  # A row stands for a range.


def test_a_rollout_alone_is_as_fast_as_it_was() -> None:
    table = estimate_run_speeds([[LoggedStream(1.0, 3.0, 50)]], "mine")
    assert (table.streams, table.tokens_per_second) == ((1,), (25.0,))


def test_rollouts_one_after_another_never_ran_at_once() -> None:
    table = estimate_run_speeds([[LoggedStream(0.0, 1.0, 10), LoggedStream(1.0, 2.0, 10)]], "mine")
    assert table.streams == (1,)


def test_runs_without_a_token_are_refused() -> None:
    with pytest.raises(InputError, match="no rollout that made a token"):
        estimate_run_speeds([[LoggedStream(0.0, 1.0, 0)]], "mine")


def test_a_straggler_that_waits_for_code_does_not_make_fewer_streams_slower() -> None:
    group = [LoggedStream(0.0, 1.0, 80) for _ in range(7)] + [LoggedStream(0.0, 20.0, 100)]
    speeds = estimate_run_speeds([group], "mine").tokens_per_second
    assert list(speeds) == sorted(speeds, reverse=True)
