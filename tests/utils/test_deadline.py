"""Deadline: a moment that moves while no work can be done."""

from __future__ import annotations

import asyncio

import pytest

from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.utils.deadline import Deadline


class Outage:
    """Nobody can work from `begins` to `ends` (loop times from now)."""

    def __init__(self, begins: float, ends: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._begins, self._ends = self._loop.time() + begins, self._loop.time() + ends

    def lost_seconds(self) -> float:
        return max(0.0, min(self._ends, self._loop.time()) - self._begins)


def reached(outage: tuple[float, float], max_seconds: float = 1000.0, before_seconds: float = 0.0) -> float:
    """When a limit with 60 seconds ends a block that would never end."""

    async def story() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        deadline = Deadline(begun + 60, Outage(*outage).lost_seconds, max_seconds)
        with pytest.raises(TimeoutError):
            async with deadline.limit(before_seconds):
                await asyncio.sleep(10_000)
        return loop.time() - begun

    return run_virtual(story())


@pytest.mark.parametrize(
    ("outage", "at"), [((100, 200), 60), ((10, 30), 80), ((50, 250), 260), ((59, 61), 62), ((0, 60), 120)]
)
def test_time_lost_before_the_deadline_puts_it_off(outage: tuple[float, float], at: float) -> None:
    assert reached(outage) == pytest.approx(at)


def test_it_is_put_off_by_no_more_than_it_may() -> None:
    assert reached((10, 300), max_seconds=25) == pytest.approx(85)


def test_a_limit_before_the_deadline_moves_with_it() -> None:
    assert reached((10, 30), before_seconds=15) == pytest.approx(65)


def test_what_was_lost_earlier_does_not_count() -> None:
    async def story() -> float:
        now = asyncio.get_running_loop().time()
        deadline = Deadline(now + 60, lambda: 500.0, 1000.0)
        return deadline.at - now

    assert run_virtual(story()) == pytest.approx(60)


def test_a_block_that_ends_in_time_leaves_no_timer() -> None:
    async def story() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with Deadline(begun + 5).limit():
            await asyncio.sleep(1)
        await asyncio.sleep(10)
        return loop.time() - begun

    assert run_virtual(story()) == pytest.approx(11)


def test_an_earlier_deadline_moves_as_the_other_does() -> None:
    lost_seconds = 5.0
    deadline = Deadline(100.0, lambda: lost_seconds, 1000.0)
    lost_seconds = 12.0
    earlier = deadline.earlier(30.0)
    assert (earlier.at, deadline.at) == (77.0, 107.0)
    lost_seconds = 20.0
    assert (earlier.at, deadline.at) == (85.0, 115.0)
