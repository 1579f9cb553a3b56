"""Examples: small trajectories and solutions; a test spells out only what it is about."""

from __future__ import annotations

from collections.abc import Sequence

from aimo_solver.policies.policy import Grant
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.solver.solution import Solution
from aimo_solver.voting import plurality


def trajectory(
    answer: int | None,
    rollout: int = 0,
    *,
    tokens: int = 10,
    stop_reason: StopReason | None = None,
    ended_itself: bool | None = None,
    turns: tuple[Turn, ...] | None = None,
    problem_id: str = "p1",
) -> Trajectory:
    """Returns a rollout of one turn with that answer, or none."""
    reason = stop_reason or (StopReason.NO_ANSWER if answer is None else StopReason.ANSWERED)
    return Trajectory(
        problem_id=problem_id,
        run=0,
        rollout=rollout,
        seed=7,
        prompt_tokens=5,
        turns=(Turn("text", tokens, 1.0),) if turns is None else turns,
        answer=answer,
        stop_reason=reason,
        ended_itself=reason in (StopReason.ANSWERED, StopReason.NO_ANSWER) if ended_itself is None else ended_itself,
        started_seconds=0.0,
        seconds=1.0,
    )


def rollouts(*answers: int | None) -> tuple[Trajectory, ...]:
    """Returns one rollout per answer, in order of index."""
    return tuple(trajectory(answer, rollout) for rollout, answer in enumerate(answers))


def solution(
    trajectories: Sequence[Trajectory], *, gold: int | None = 42, problem_id: str = "p1", run: int = 0
) -> Solution:
    """Returns what the solver would answer with the trajectories, with fallback 0."""
    vote = plurality(trajectories)
    return Solution(
        problem=Problem(problem_id, "What is 6 times 7?", gold),
        run=run,
        answer=0 if vote.answer is None else vote.answer,
        vote=vote,
        trajectories=tuple(trajectories),
        grant=Grant(350.0, len(trajectories), len(trajectories)),
        seconds=2.5,
        stop="all rollouts ended",
    )
