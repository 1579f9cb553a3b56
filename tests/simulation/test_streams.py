"""Streams that share an engine take the time that the arithmetic says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.policies.speed_table import SpeedTable
from aimo_solver.simulation.pool import Sample
from aimo_solver.simulation.rollout_groups import simulate_groups
from aimo_solver.simulation.streams import Streams
from aimo_solver.simulation.virtual_clock import run_virtual
from tests.helpers.small_pool import EVEN, SHARED


def finish_times(tokens: Sequence[int], speeds: SpeedTable) -> list[float]:
    async def scenario() -> list[float]:
        streams = Streams(speeds)
        started_at = streams.loop.time()

        async def one(count: int) -> float:
            assert await streams.start(count).wait()
            return streams.loop.time() - started_at

        return await asyncio.gather(*map(one, tokens))

    return run_virtual(scenario())


def test_streams_that_do_not_slow_each_other_take_their_tokens() -> None:
    assert finish_times([3, 1, 2], EVEN) == pytest.approx([3.0, 1.0, 2.0])


def test_a_shared_engine_gives_each_its_part_until_one_ends() -> None:
    assert finish_times([2, 4], SHARED) == pytest.approx([4.0, 6.0])


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_streams_end_when_the_arithmetic_says(tokens: list[int]) -> None:
    groups = simulate_groups([(1, [Sample(1, count) for count in tokens])], SHARED)
    assert sorted(finish_times(tokens, SHARED)) == pytest.approx(list(groups.seconds[0]), abs=1e-3)


def test_a_stream_that_is_cut_leaves_its_part_to_the_others_and_keeps_its_tokens() -> None:
    async def scenario() -> tuple[float, int, bool]:
        streams = Streams(SHARED)
        started_at = streams.loop.time()
        long, short = streams.start(100), streams.start(10)
        streams.loop.call_later(8.0, long.cut)
        assert await short.wait()
        return streams.loop.time() - started_at, long.tokens, await long.wait()

    assert run_virtual(scenario()) == (pytest.approx(14.0), 4, False)
