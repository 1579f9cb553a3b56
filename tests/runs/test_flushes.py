"""Flushes: votes that came because the rollout was asked, by what came before."""

from __future__ import annotations

from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.runs.flushes import FlushCount, count_flushes
from aimo_solver.runs.summary import summarise
from tests.helpers.examples import rollouts, solution, trajectory

ASKED = (Turn("Hm.", 5, 1.0), Turn("The answer is", 5, 1.0, flush=True))


def asked(answer: int | None, rollout: int, *, ended_itself: bool) -> Trajectory:
    reason = StopReason.FLUSHED if answer is not None else StopReason.NO_ANSWER
    return trajectory(answer, rollout, stop_reason=reason, ended_itself=ended_itself, turns=ASKED)


SOLUTIONS = [
    solution(
        [
            *rollouts(42, 7),
            asked(42, 2, ended_itself=True),
            asked(7, 3, ended_itself=True),
            asked(None, 4, ended_itself=True),
            asked(42, 5, ended_itself=False),
        ]
    ),
    solution([asked(9, 0, ended_itself=False)], gold=None, problem_id="p2"),
]


def test_votes_after_the_models_own_end_are_counted_apart_from_those_after_a_cut() -> None:
    flushes = count_flushes(SOLUTIONS)
    assert flushes.after_end == FlushCount(asked=3, votes=2, judged=2, right=1)
    assert flushes.after_cut == FlushCount(asked=2, votes=2, judged=1, right=1)


def test_they_fit_one_line() -> None:
    after_end, after_cut = "2 of 3 asked, 1 of 2 right", "2 of 2 asked, 1 of 1 right"
    words = f"4 votes by a flush: after the model's own end {after_end}; after a cut {after_cut}"
    assert count_flushes(SOLUTIONS).words == words


def test_where_no_rollout_was_asked_there_is_nothing_to_say() -> None:
    assert count_flushes([solution(rollouts(42, None))]).words == ""


def test_a_summary_holds_them() -> None:
    after_end = summarise(SOLUTIONS).to_json()["flushes"]["after_end"]
    assert after_end == {"asked": 3, "votes": 2, "judged": 2, "right": 1}
