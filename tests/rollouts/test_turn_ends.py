"""A base model goes on after its solution: the turn ends where it begins a problem of its own."""

from __future__ import annotations

from aimo_solver.dialects.cot import COT, PROBLEM_HEAD
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply
from aimo_solver.rollouts.trajectory import StopReason, Trajectory
from aimo_solver.simulation.virtual_clock import run_virtual
from tests.helpers.fakes import SolverHarness
from tests.helpers.single_rollout import ONE_ROLLOUT, SETTINGS


def attempt(*turns: str) -> tuple[Trajectory, list[str]]:
    """Runs a rollout of plain chain of thought; returns what preceded each turn too."""
    seen: list[str] = []

    async def story() -> Trajectory:
        def reply(text: str, sampling: Sampling) -> Reply:
            seen.append(text)
            return Reply(turns[len(seen) - 1])

        return (await SolverHarness(reply, SETTINGS, ONE_ROLLOUT, dialect=COT).solve()).trajectories[0]

    return run_virtual(story()), seen


def test_answer_is_not_replaced_by_that_of_a_problem_the_model_makes_up() -> None:
    made_up = f"\n\n{PROBLEM_HEAD}What is 3 + 4?\n\nIt is \\boxed{{7}}."
    trajectory, seen = attempt(f"It is \\boxed{{42}}.{made_up}")
    assert (trajectory.answer, trajectory.stop_reason) == (42, StopReason.ANSWERED)
    assert len(seen) == 1
    assert trajectory.turns[0].text.rstrip() == "It is \\boxed{42}."


def test_solution_without_a_box_is_asked_for_it_before_the_made_up_problem() -> None:
    trajectory, seen = attempt(f"It is forty-two.\n{PROBLEM_HEAD}What is 3 + 4?", "42}$.")
    assert (trajectory.answer, trajectory.stop_reason) == (42, StopReason.FLUSHED)
    assert seen[1].endswith("It is forty-two.\nThe answer is $\\boxed{")
