"""GenerativeSelector: has the model judge between the answers of a contested vote.

Guarantees: judges nothing when the vote is settled or too little time is left; ends by the deadline;
whatever fails, the selection says so and the vote stands. All generated tokens are counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import count

from aimo_solver.config.settings import GenSelectSettings
from aimo_solver.engine.base import Engine
from aimo_solver.errors import EngineError
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.seeds import turn_seed
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.utils.deadline import Deadline
from aimo_solver.utils.log import Log, unbreakable
from aimo_solver.voting import Vote
from aimo_solver.voting.genselect.candidate import Candidate, pick_candidates
from aimo_solver.voting.genselect.judge import Judge
from aimo_solver.voting.genselect.poll import Poll
from aimo_solver.voting.genselect.tournament import Tournament
from aimo_solver.voting.selection import Selection, SelectionReason


class GenerativeSelector:
    """A selector that asks the model."""

    def __init__(self, engine: Engine, settings: GenSelectSettings, log: Log = lambda line: None) -> None:
        """`log` gets the unexpected errors that end a selection."""
        self._engine, self._settings, self._log = engine, settings, unbreakable(log)

    @property
    def reserve_seconds(self) -> float:
        return self._settings.reserve_seconds

    async def select(
        self, *, problem: Problem, trajectories: Sequence[Trajectory], vote: Vote, deadline: Deadline, seed: int
    ) -> Selection:
        """Returns the judged answer, or why there is none."""
        if not self._narrow(vote):
            return Selection(None, SelectionReason.SETTLED)
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        if deadline.at - started_at < self._settings.min_seconds:
            return Selection(None, SelectionReason.NO_TIME)
        judge = Judge(self._engine, problem.text, self._settings)
        poll, reason = None, SelectionReason.NO_ROOM
        try:
            async with deadline.limit():
                poll = await self._play(judge, self._candidates(trajectories, vote), seed)
        except* TimeoutError:
            reason = SelectionReason.NO_TIME
        except* EngineError:
            reason = SelectionReason.ENGINE_FAILED
        except* Exception as errors:  # noqa: BLE001  Whatever it is, the vote stands.
            reason = SelectionReason.FAILED
            self._log(f"{problem.id}, judging: {errors.exceptions[0]!r}")
        answer, tally = None, ()
        if poll is not None:
            answer, reason, tally = *self._outcome(poll, vote), poll.tally
        return Selection(
            answer, reason, judgings=judge.judgings, tokens=judge.tokens, seconds=loop.time() - started_at, tally=tally
        )

    def _narrow(self, vote: Vote) -> bool:
        """Whether the vote is contested and the leader's share small enough."""
        weight = sum(weight for _, weight in vote.tally)
        return vote.contested and vote.tally[0][1] <= self._settings.max_margin * weight

    def _outcome(self, poll: Poll, vote: Vote) -> tuple[int | None, SelectionReason]:
        if poll.winner is None:
            return None, SelectionReason.TIED if poll.tally else SelectionReason.NO_JUDGMENT
        if self._outweighs(poll.winner.answer, vote):
            return poll.winner.answer, SelectionReason.JUDGED
        return None, SelectionReason.OUTVOTED

    def _outweighs(self, answer: int, vote: Vote) -> bool:
        """Whether the judges' choice stands against the vote."""
        if self._settings.worth is None or answer == vote.answer:
            return True
        weights = dict(vote.tally)
        return weights[answer] + self._settings.worth * sum(weights.values()) > vote.tally[0][1]

    def _candidates(self, trajectories: Sequence[Trajectory], vote: Vote) -> tuple[Candidate, ...]:
        return pick_candidates(
            trajectories,
            vote,
            max_candidates=self._settings.max_candidates,
            summary_chars=self._settings.summary_chars,
        )

    async def _play(self, judge: Judge, candidates: Sequence[Candidate], seed: int) -> Poll | None:
        """Returns the tournament's last poll; None if not even two candidates can be compared."""
        window = _window(judge, candidates, self._settings.window)
        if window < 2:
            return None
        tournament = Tournament(judge=judge, judgings=self._settings.judgings, window=window, seeds=_seeds(seed))
        return await tournament.play(candidates)


def _window(judge: Judge, candidates: Sequence[Candidate], max_window: int) -> int:
    """Returns how many candidates, whichever they are, fit into one prompt, at most `max_window`."""
    longest = sorted(candidates, key=lambda candidate: len(candidate.summary), reverse=True)[:max_window]
    while len(longest) > 1 and not judge.fits(longest):
        longest.pop()
    return len(longest)


def _seeds(seed: int) -> Iterator[int]:
    return (turn_seed(seed, judging) for judging in count())
