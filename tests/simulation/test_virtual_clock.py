"""The virtual clock."""

from __future__ import annotations

import asyncio

import pytest

from aimo_solver.simulation.virtual_clock import VirtualDeadlock, run_virtual


def test_waiting_for_nothing_raises_instead_of_hanging() -> None:
    async def scenario() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(VirtualDeadlock):
        run_virtual(scenario())
