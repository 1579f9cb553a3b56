"""Solver: one problem, its rollouts, their vote, and a selection from the vote if there is a selector.

Guarantees: an integer within the answer rule, by the grant's deadline plus GRACE_SECONDS at the
latest, whatever engine, sandbox or model do, and whatever a rollout, an observer, the selector or the log raises:
that costs its own work, and no vote that was cast (engine restarts extend that deadline, as far as the
ledger has time); `provisional` always holds the best answer so far; with early stop off, the same
seeds give the same trajectories.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Action, Grant, Policy, Progress
from aimo_solver.problems.problem import AnswerRule, Problem
from aimo_solver.rollouts.base import LiveRollout, RolloutSource, RolloutTask, failed_trajectory
from aimo_solver.rollouts.seeds import rollout_seed, selection_seed
from aimo_solver.rollouts.trajectory import StopReason, Trajectory
from aimo_solver.solver.observer import ContainedObserver, Observer
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.contained import CONTAINABLE, contained, describe
from aimo_solver.utils.deadline import Deadline
from aimo_solver.utils.log import Log, unbreakable
from aimo_solver.voting import Vote, VoteCounter
from aimo_solver.voting.selection import Selection, Selector

GRACE_SECONDS: Final = 3.0
"""How long cancelled rollouts may take to clean up before they are abandoned."""

MAX_RESERVE_SHARE: Final = 0.5
"""The largest share of a problem's time that is kept for a selector."""

MIN_REVIEW_SECONDS: Final = 0.01
"""A policy that wants its next review at once must not keep the event loop busy."""


class Solver:
    """Answers problems one at a time with the parts it was given."""

    def __init__(
        self,
        *,
        rollouts: RolloutSource,
        policy: Policy,
        rule: AnswerRule,
        base_seed: int = 0,
        votes: VoteCounter | None = None,
        observer: Observer | None = None,
        max_seconds: float = math.inf,
        selector: Selector | None = None,
        log: Log = lambda line: None,
    ) -> None:
        """`votes` is plurality's where there is none. `log` gets unexpected errors.

        `max_seconds` is a contest's limit on one call: no problem takes more, whatever the policy grants.
        """
        self._selector = selector
        self._rollouts, self._policy, self.rule, self._max_seconds = rollouts, policy, rule, max_seconds
        self._base_seed, self._votes = base_seed, votes or VoteCounter(accepted=rule)
        self._log = unbreakable(log)
        self._observer = ContainedObserver(observer or Observer(), self._log)
        self.provisional: int = rule.fallback
        """The answer to give if everything stopped now."""
        self._deadline: Deadline | None = None
        """Of the problem being solved."""

    @property
    def answer_by(self) -> float | None:
        """Loop time by which the current problem will be answered; None when there is none."""
        deadline = self._deadline
        return None if deadline is None else deadline.at + 2 * GRACE_SECONDS  # Once to stop, once to clean up.

    async def solve(self, problem: Problem, ledger: Ledger, run: int = 0) -> Solution:
        """Answers one problem within what the policy grants. The rollouts' seeds depend on `run`."""
        started_at = asyncio.get_running_loop().time()
        self.provisional = self.rule.fallback
        grant = self._policy.grant(ledger, started_at)
        grant = replace(grant, seconds=min(grant.seconds, self._max_seconds))
        self._observer.problem_started(problem, run, grant)
        self._deadline = deadline = self._extended_by_restarts(started_at, grant, ledger)
        group = _Group(started_at, deadline.earlier(self._reserved_seconds(grant)), grant.max_tokens)
        group.waiting = self._tasks(problem, run, grant, group)
        try:
            stop = await self._run(group, grant, ledger)
            vote = self._votes.cast(group.trajectories)
            selection = await self._select(problem, run, group, vote, deadline)
        finally:
            if self._deadline is deadline:  # Not that of a problem that began meanwhile.
                self._deadline = None
        answer = vote.answer if selection is None or selection.answer is None else selection.answer
        solution = Solution(
            problem=problem,
            run=run,
            answer=self.rule.fallback if answer is None else answer,
            vote=vote,
            trajectories=tuple(sorted(group.trajectories, key=lambda trajectory: trajectory.rollout)),
            grant=grant,
            seconds=asyncio.get_running_loop().time() - started_at,
            stop=stop,
            started_seconds=started_at - ledger.started_at,
            selection=selection,
        )
        self._observer.problem_finished(solution)
        return solution

    def _extended_by_restarts(self, started_at: float, grant: Grant, ledger: Ledger) -> Deadline:
        """Returns the deadline. Restarts cost the whole run: they may take half of the time left for other problems."""
        at = started_at + grant.seconds
        max_extension = min(ledger.left_seconds(at) / 2, self._max_seconds - grant.seconds)
        return Deadline(at, lambda: self._rollouts.lost_seconds, max_extension)

    def _tasks(self, problem: Problem, run: int, grant: Grant, group: _Group) -> list[RolloutTask]:
        return [
            RolloutTask(
                problem=problem,
                run=run,
                index=index,
                seed=rollout_seed(base_seed=self._base_seed, run=run, problem_id=problem.id, rollout=index),
                problem_started_at=group.started_at,
                deadline=group.deadline,
                spend=group.spend,
            )
            for index in range(grant.rollouts)
        ]

    def _reserved_seconds(self, grant: Grant) -> float:
        asked = 0.0 if self._selector is None else self._selector.reserve_seconds
        return min(asked, MAX_RESERVE_SHARE * grant.seconds)

    async def _run(self, group: _Group, grant: Grant, ledger: Ledger) -> str:
        """Runs rollouts until all have ended or the policy stops, then cancels the rest. Returns why it stopped."""
        try:
            return await self._wait(group, grant, ledger)
        finally:
            await self._cancel(group)

    async def _wait(self, group: _Group, grant: Grant, ledger: Ledger) -> str:
        loop = asyncio.get_running_loop()
        while True:
            while group.waiting and len(group.running) < grant.concurrent and group.tokens_left > 0:
                self._start(group, group.waiting.pop(0))
            # Not at 0: a rollout that was planned for exactly these tokens may end.
            if group.tokens_left < 0 or (group.waiting and not group.running):
                return "the tokens granted are used up"
            if not group.running:
                return "all rollouts have ended"
            decision = self._policy.review(self._progress(group), ledger)
            if decision.action is Action.STOP:
                return decision.reason
            now, last_moment = loop.time(), group.deadline.at + GRACE_SECONDS
            if now >= last_moment:
                return "the time granted is over"
            wake_at = min(decision.review_at or last_moment, last_moment)
            await group.any_end(max(wake_at, now + MIN_REVIEW_SECONDS))
            for trajectory in group.collect():
                self._count(group, trajectory)

    def _start(self, group: _Group, task: RolloutTask) -> None:
        """Opens a rollout and starts it; one that cannot be opened has ended."""
        try:
            group.start(self._rollouts.open(task), self._log)
        except CONTAINABLE as error:
            self._log(f"{task.problem.id}, rollout {task.index} cannot be opened: {describe(error)}")
            self._count(group, failed_trajectory(task))

    def _count(self, group: _Group, trajectory: Trajectory) -> None:
        group.trajectories.append(trajectory)
        vote = self._votes.cast(group.trajectories)
        if vote.answer is not None:
            self.provisional = vote.answer
        self._observer.rollout_finished(trajectory, vote)

    async def _cancel(self, group: _Group) -> None:
        """Cancels what still runs. A rollout that finished just now keeps its trajectory but casts no vote."""
        running, group.running = group.running, {}
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=GRACE_SECONDS)
        for rollout in running.values():
            trajectory = _left_by(rollout, StopReason.CANCELLED)
            group.trajectories.append(trajectory)
            self._observer.rollout_finished(trajectory, self._votes.cast(group.trajectories))

    async def _select(
        self, problem: Problem, run: int, group: _Group, vote: Vote, deadline: Deadline
    ) -> Selection | None:
        """Returns the selector's selection; None without a selector, or if it does not end in time."""
        if self._selector is None:
            return None
        seed = selection_seed(self._base_seed, run, problem.id)

        async def select(selector: Selector) -> Selection | None:
            with contained(f"{problem.id}: the selector", self._log):
                return await selector.select(
                    problem=problem, trajectories=group.trajectories, vote=vote, deadline=deadline, seed=seed
                )
            return None

        selecting = asyncio.create_task(select(self._selector))
        try:
            with suppress(TimeoutError):
                async with deadline.limit(before_seconds=-GRACE_SECONDS):
                    await asyncio.wait({selecting})
        finally:
            selecting.cancel()
            await asyncio.wait({selecting}, timeout=GRACE_SECONDS)
        return selecting.result() if selecting.done() and not selecting.cancelled() else None

    def _progress(self, group: _Group) -> Progress:
        """Returns the progress for the policy, without the time lost to restarts."""
        running, waiting = len(group.running), len(group.waiting)
        return Progress(
            now=asyncio.get_running_loop().time(),
            started_at=group.started_at + group.deadline.moved_seconds,
            deadline=group.deadline.at,
            answers=tuple([trajectory.answer for trajectory in group.trajectories]),
            running=running,
            waiting=waiting,
            settled=self._votes.settled(group.trajectories, running + waiting),
        )


@dataclass(slots=True)
class _Group:
    """The rollouts of one problem, by state."""

    started_at: float
    deadline: Deadline
    max_tokens: int | None
    waiting: list[RolloutTask] = field(default_factory=list[RolloutTask])
    running: dict[asyncio.Task[Trajectory], LiveRollout] = field(
        default_factory=dict[asyncio.Task[Trajectory], LiveRollout]
    )
    trajectories: list[Trajectory] = field(default_factory=list[Trajectory])
    """Of rollouts that ended, in the order they finished."""
    tokens: int = 0
    """Generated so far by all rollouts."""
    _ended: list[asyncio.Task[Trajectory]] = field(default_factory=list[asyncio.Task[Trajectory]])
    """Ended rollouts that are not collected yet."""
    _woken: asyncio.Future[None] | None = None

    @property
    def tokens_left(self) -> float:
        return math.inf if self.max_tokens is None else self.max_tokens - self.tokens

    def spend(self, tokens: int) -> None:
        self.tokens += tokens
        if self.tokens_left < 0:
            self._wake()

    def start(self, rollout: LiveRollout, log: Log) -> None:
        task = asyncio.create_task(_run_to_end(rollout, log))
        self.running[task] = rollout
        task.add_done_callback(self._note_end)

    async def any_end(self, wake_at: float) -> None:
        """Waits until a rollout ends, at most until `wake_at`. Uses one timer, whatever the number of rollouts."""
        if self._ended or self.tokens_left < 0:
            return
        loop = asyncio.get_running_loop()
        self._woken = loop.create_future()
        timer = loop.call_at(wake_at, self._wake)
        try:
            await self._woken
        finally:
            timer.cancel()

    def collect(self) -> list[Trajectory]:
        """Returns what has ended since the last call; rollouts that ended together come by index."""
        ended, self._ended = self._ended, []
        ended.sort(key=lambda task: self.running[task].task.index)
        for task in ended:
            del self.running[task]
        return [task.result() for task in ended]

    def _note_end(self, task: asyncio.Task[Trajectory]) -> None:
        self._ended.append(task)
        self._wake()

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)


async def _run_to_end(rollout: LiveRollout, log: Log) -> Trajectory:
    """Returns the rollout's trajectory; of one that raises, what it left."""
    try:
        return await rollout.run()
    except CONTAINABLE as error:
        log(f"{rollout.task.problem.id}, rollout {rollout.task.index} failed: {describe(error)}")
        return _left_by(rollout, StopReason.FAILED)


def _left_by(rollout: LiveRollout, reason: StopReason) -> Trajectory:
    """Returns what the rollout wrote until it was cancelled or failed; it casts no vote."""
    try:
        return replace(rollout.cancelled(), stop_reason=reason)
    except CONTAINABLE:
        return replace(failed_trajectory(rollout.task), stop_reason=reason)
