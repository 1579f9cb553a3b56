"""Tournament: candidates in windows, the winners against each other, until one window is left.

Guarantees: the same candidates, seed and replies give the same winner however fast the replies
come; judgings that can no longer change anything are cancelled; raises only what the engine raises
(EngineError, alone or in a group), and leaves no request running.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from aimo_solver.voting.genselect.candidate import Candidate
from aimo_solver.voting.genselect.judge import Judge
from aimo_solver.voting.genselect.poll import Poll


class Tournament:
    """A knockout among candidates."""

    def __init__(self, *, judge: Judge, judgings: int, window: int, seeds: Iterator[int]) -> None:
        """Each window of at most `window` candidates is judged `judgings` times, each time with the next seed."""
        self._judge, self._judgings, self._window, self._seeds = judge, judgings, window, seeds

    async def play(self, candidates: Sequence[Candidate]) -> Poll:
        """Returns the last window's poll. `candidates`: two or more, by votes."""
        left = list(candidates)
        while len(left) > self._window:
            left = await self._round(left)
        return await self._poll(left, self._take_seeds())

    async def _round(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Returns the winners of all windows, by votes. The first by votes go into different windows."""
        count = -(-len(candidates) // self._window)
        async with asyncio.TaskGroup() as group:
            windows = [
                group.create_task(self._winner(candidates[first::count], self._take_seeds())) for first in range(count)
            ]
        winners = {window.result() for window in windows}
        return [candidate for candidate in candidates if candidate in winners]

    async def _winner(self, window: Sequence[Candidate], seeds: Sequence[int]) -> Candidate:
        """Returns the winner of one window; the first by votes if the judgings name no single one."""
        if len(window) == 1:
            return window[0]
        return (await self._poll(window, seeds)).winner or window[0]

    async def _poll(self, window: Sequence[Candidate], seeds: Sequence[int]) -> Poll:
        poll = Poll(len(seeds))
        judgings = [asyncio.create_task(self._judge.judge(window, seed)) for seed in seeds]
        try:
            for judging in asyncio.as_completed(judgings):
                poll.add(await judging)
                if poll.decided:
                    break
        finally:
            for judging in judgings:
                judging.cancel()
            await asyncio.gather(*judgings, return_exceptions=True)
        return poll

    def _take_seeds(self) -> list[int]:
        """Takes one window's seeds. Call it before any await, so that the seeds do not depend on timing."""
        return [next(self._seeds) for _ in range(self._judgings)]
