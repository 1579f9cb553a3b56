"""The live screen: what it shows beside progress and the problems under way."""

from __future__ import annotations

import asyncio
import io

from rich.console import Console

from aimo_solver.policies.policy import Grant
from aimo_solver.problems.problem import Problem
from aimo_solver.reports.live import LiveScreen, Transcript
from aimo_solver.rollouts.trajectory import StopReason, Turn
from aimo_solver.voting import plurality
from tests.helpers.examples import solution, trajectory

ASKED = trajectory(42, stop_reason=StopReason.FLUSHED, turns=(Turn("The answer is 42", 5, 1.0, flush=True),))


def test_the_screen_shows_votes_that_came_by_a_flush() -> None:
    shown = io.StringIO()

    async def story() -> None:
        with LiveScreen(Console(file=shown, width=200, force_terminal=True), 3) as screen:
            for number in range(2):
                lane = screen.lane()
                lane.problem_started(Problem(f"p{number}", "?", 42), 0, Grant(10.0, 1, 1))
                lane.problem_finished(solution([ASKED], problem_id=f"p{number}"))
            screen.draw(force=True)

    asyncio.run(story())
    words = "2 votes by a flush: after the model's own end 0 of 0 asked; after a cut 2 of 2 asked, 2 of 2 right"
    assert words in shown.getvalue()


def test_the_transcript_says_that_a_rollout_was_asked() -> None:
    shown = io.StringIO()
    Transcript(Console(file=shown, width=200)).rollout_finished(ASKED, plurality([ASKED]))
    assert "rollout 0 ended: flushed, 42 when asked after a cut; votes 42:1" in shown.getvalue()
