"""Solver: one problem, a group of rollouts, a vote.

Guarantees: an integer within the answer rule, by the grant's deadline plus GRACE_SECONDS at the
latest, whatever engine, sandbox or model do; `provisional` holds the best answer so far at every
moment; with early stop off, the same seeds give the same trajectories.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aimo_solver.ledger import Ledger
from aimo_solver.observer import Observer
from aimo_solver.policies.policy import Action, Decision, Grant, Policy, Progress
from aimo_solver.problem import AnswerRule, Problem
from aimo_solver.rollout_source import LiveRollout, RolloutSource, RolloutTask
from aimo_solver.seeds import rollout_seed
from aimo_solver.solution import Solution
from aimo_solver.trajectory import Trajectory
from aimo_solver.voting import TieBreak, Vote, plurality

GRACE_SECONDS = 3.0
"""How long cancelled rollouts may take to clean up before they are left behind."""

LEAST_REVIEW_SECONDS = 0.01
"""A policy that asks to be asked again at once must not keep the loop from everything else."""


class Solver:
    """Answers problems one at a time with the parts it was given."""

    def __init__(
        self,
        rollouts: RolloutSource,
        policy: Policy,
        rule: AnswerRule,
        base_seed: int = 0,
        tie_break: TieBreak = TieBreak.FIRST_ROLLOUT,
        observer: Observer | None = None,
    ) -> None:
        self._rollouts, self._policy, self.rule = rollouts, policy, rule
        self._base_seed, self._tie_break = base_seed, tie_break
        self._observer = observer or Observer()
        self.provisional: int = rule.fallback
        """The answer to give should everything stop now."""

    async def solve(self, problem: Problem, ledger: Ledger, run: int = 0) -> Solution:
        """Answers one problem inside what the policy grants it."""
        started_at = asyncio.get_running_loop().time()
        self.provisional = self.rule.fallback
        grant = self._policy.grant(ledger, started_at)
        self._observer.problem_started(problem, run, grant)
        group = _Group(started_at, started_at + grant.seconds, self._tasks(problem, run, grant, started_at))
        try:
            stop = await self._run(group, grant, ledger)
        finally:
            await self._cancel(group)
        vote = self._vote(group)
        solution = Solution(
            problem=problem,
            run=run,
            answer=self.rule.fallback if vote.answer is None else vote.answer,
            vote=vote,
            trajectories=tuple(sorted(group.trajectories, key=lambda trajectory: trajectory.rollout)),
            grant=grant,
            seconds=asyncio.get_running_loop().time() - started_at,
            stop=stop,
        )
        self._observer.problem_finished(solution)
        return solution

    def _tasks(self, problem: Problem, run: int, grant: Grant, started_at: float) -> list[RolloutTask]:
        return [
            RolloutTask(
                problem=problem,
                run=run,
                index=index,
                seed=rollout_seed(self._base_seed, run, problem.id, index),
                problem_started_at=started_at,
                deadline=started_at + grant.seconds,
            )
            for index in range(grant.rollouts)
        ]

    async def _run(self, group: _Group, grant: Grant, ledger: Ledger) -> str:
        """Runs rollouts until all have ended or the policy stops; says why."""
        loop = asyncio.get_running_loop()
        while True:
            while group.waiting and len(group.running) < grant.concurrent:
                self._start(group)
            if not group.running:
                return "all rollouts have ended"
            decision = self._review(group, loop.time(), ledger)
            if decision.action is Action.STOP:
                return decision.reason
            if loop.time() >= group.deadline + GRACE_SECONDS:
                return "the time granted is over"
            wake_at = min(decision.review_at or group.deadline + GRACE_SECONDS, group.deadline + GRACE_SECONDS)
            wake_at = max(wake_at, loop.time() + LEAST_REVIEW_SECONDS)
            finished, _ = await asyncio.wait(
                group.running, timeout=max(0.0, wake_at - loop.time()), return_when=asyncio.FIRST_COMPLETED
            )
            for task in sorted(finished, key=lambda task: group.running[task].task.index):
                self._collect(group, task)

    def _start(self, group: _Group) -> None:
        rollout = self._rollouts.open(group.waiting.pop(0))
        group.running[asyncio.create_task(rollout.run())] = rollout

    def _review(self, group: _Group, now: float, ledger: Ledger) -> Decision:
        progress = Progress(
            now=now,
            started_at=group.started_at,
            deadline=group.deadline,
            answers=tuple(trajectory.answer for trajectory in group.trajectories),
            running=len(group.running),
            waiting=len(group.waiting),
            tokens=sum(t.tokens for t in group.trajectories) + sum(r.tokens for r in group.running.values()),
        )
        return self._policy.review(progress, ledger)

    def _collect(self, group: _Group, task: asyncio.Task[Trajectory]) -> None:
        del group.running[task]
        trajectory = task.result()
        group.trajectories.append(trajectory)
        vote = self._vote(group)
        if vote.answer is not None:
            self.provisional = vote.answer
        self._observer.rollout_finished(trajectory, vote)

    async def _cancel(self, group: _Group) -> None:
        """Ends what still runs. A rollout that finished just now keeps its trajectory but casts no vote."""
        running, group.running = group.running, {}
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=GRACE_SECONDS)
        for rollout in running.values():
            trajectory = rollout.cancelled()
            group.trajectories.append(trajectory)
            self._observer.rollout_finished(trajectory, self._vote(group))

    def _vote(self, group: _Group) -> Vote:
        return plurality(group.trajectories, tie_break=self._tie_break)


@dataclass(slots=True)
class _Group:
    """The rollouts of one problem, by state."""

    started_at: float
    deadline: float
    waiting: list[RolloutTask]
    running: dict[asyncio.Task[Trajectory], LiveRollout] = field(default_factory=dict)
    trajectories: list[Trajectory] = field(default_factory=list)
    """Ended, in the order they finished."""
