"""Rollouts that are trees: their answers, their limits, and every way in which they end."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from aimo_solver.config.names import CodeMode
from aimo_solver.config.policy_settings import NemoSkillsSettings
from aimo_solver.config.settings import SearchSettings
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply
from aimo_solver.errors import EngineError, SandboxError
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.problems.problem import ANY_INTEGER
from aimo_solver.rollouts.search.node import Node
from aimo_solver.rollouts.trajectory import StopReason, Trajectory
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.solver.solver import Solver
from tests.helpers.fakes import PROBLEM, InProcessSandbox, boxed, code
from tests.helpers.search_harness import (
    MCTS,
    METHODS,
    SETTINGS,
    TWO_WAYS,
    WORTH,
    ScriptedScorer,
    SearchHarness,
    grow,
    scores,
)


def test_the_answer_is_that_of_the_best_scored_end() -> None:
    tree = grow(TWO_WAYS, replace(MCTS, simulations=2), scorer=scores(WORTH))
    trajectory = tree.trajectory
    assert (trajectory.answer, trajectory.score, trajectory.stop_reason) == (3, 0.6, StopReason.ANSWERED)
    assert [turn.text for turn in trajectory.turns] == ["right\n\n", boxed(3) + "<|end|>"]


def test_tokens_of_other_branches_are_side_tokens() -> None:
    trajectory = grow(TWO_WAYS, MCTS, scorer=scores(WORTH)).trajectory
    ends = len(boxed(1)) - len("\\boxed{") + 2  # The box's opening is one token, as the end of the turn is.
    assert sum(turn.tokens for turn in trajectory.turns) == len("left\n\n") + ends
    assert trajectory.side_tokens == len("right\n\n") + ends


def test_a_tree_without_an_answer_is_asked_for_one_on_its_most_promising_path() -> None:
    def reply(text: str, sampling: Sampling) -> Reply:
        if text.endswith("\\boxed{"):
            return Reply("42}$.")
        return Reply("bad\n\n" if not text and (sampling.seed or 0) % 2 else "good\n\n")

    tree = grow(reply, replace(MCTS, width=8, depth=2), scorer=scores({"good": 0.5, "bad": -0.5}))
    trajectory = tree.trajectory
    assert (trajectory.answer, trajectory.stop_reason, trajectory.score) == (42, StopReason.FLUSHED, None)
    assert trajectory.turns[0].text == "good\n\n"
    assert trajectory.turns[-1].flush


def test_a_box_is_not_thrown_away_because_its_path_did_not_end() -> None:
    tree = grow(lambda text, sampling: Reply(boxed(5) + "\n\n" if not text else "on\n\n"), replace(MCTS, depth=3))
    assert (tree.trajectory.answer, tree.trajectory.stop_reason) == (5, StopReason.ANSWERED)


@pytest.mark.parametrize("search", METHODS)
@pytest.mark.parametrize("max_tokens", [100, 128, 1000, 5000])
def test_a_tree_takes_no_more_tokens_than_it_has(search: SearchSettings, max_tokens: int) -> None:
    tree = grow(
        lambda text, sampling: Reply(f"{sampling.seed}{'x' * 4000}"),
        replace(search, simulations=50, width=8, depth=50),
        settings=replace(SETTINGS, max_tokens=max_tokens),
    )
    trajectory = tree.trajectory
    assert trajectory.asked and trajectory.tokens <= max_tokens
    assert trajectory.stop_reason is StopReason.TOKEN_LIMIT


def test_a_prompt_longer_than_the_context_ends_at_once() -> None:
    assert grow({}, MCTS, context_tokens=10).trajectory.turns == ()


def slow(text: str, sampling: Sampling) -> Reply:
    return Reply(boxed(1) if not text and (sampling.seed or 0) % 2 else "on\n\n", seconds_per_chunk=3.0)


def test_at_the_deadline_the_best_answer_so_far_counts() -> None:
    tree = grow(slow, replace(MCTS, width=8, depth=100), seconds=30.0)
    assert (tree.trajectory.answer, tree.trajectory.stop_reason) == (1, StopReason.ANSWERED)
    assert tree.trajectory.seconds <= 30.0


def test_before_the_deadline_a_tree_without_an_answer_is_asked_for_one() -> None:
    def reply(text: str, sampling: Sampling) -> Reply:
        return Reply("9}$.") if text.endswith("\\boxed{") else Reply("on\n\n", seconds_per_chunk=3.0)

    tree = grow(reply, replace(MCTS, depth=100), seconds=20.0)
    assert (tree.trajectory.answer, tree.trajectory.stop_reason) == (9, StopReason.FLUSHED)


def test_a_deadline_fires_without_any_token() -> None:
    tree = grow(lambda text, sampling: Reply("x", hangs_after_tokens=0), MCTS, seconds=20.0)
    assert tree.trajectory.stop_reason is StopReason.DEADLINE
    assert tree.trajectory.seconds <= 20.0


def test_what_was_written_of_a_flush_counts_when_the_deadline_cuts_it() -> None:
    def reply(text: str, sampling: Sampling) -> Reply:
        flush = text.endswith("\\boxed{")
        return Reply("9}$.", tokens_per_chunk=2, seconds_per_chunk=1.5) if flush else Reply("x", seconds_per_chunk=99.0)

    tree = grow(reply, MCTS, seconds=20.0)
    assert (tree.trajectory.answer, tree.trajectory.turns[-1].tokens) == (9, 2)


def test_a_cancelled_tree_leaves_no_session_and_no_vote() -> None:
    async def story() -> Trajectory:
        call = code("x = 1")
        harness = SearchHarness({"": [call], call + "```\n": [code("print(x)")]}, MCTS, sandbox=InProcessSandbox(5.0))
        await harness.engine.start()
        rollout = harness.rollouts().open(harness.task())
        task = asyncio.create_task(rollout.run())
        await asyncio.sleep(12.0)
        assert harness.sandbox.open_sessions == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert harness.sandbox.open_sessions == 0
        assert not harness.engine.active_requests
        return rollout.cancelled()

    trajectory = run_virtual(story())
    assert (trajectory.answer, trajectory.stop_reason) == (None, StopReason.CANCELLED)
    assert trajectory.turns[0].output == ""


def test_a_dead_engine_ends_a_tree_with_its_reason() -> None:
    tree = grow(lambda text, sampling: Reply("abc", dies_after_tokens=1), MCTS)
    assert tree.trajectory.stop_reason is StopReason.ENGINE_FAILED


def test_an_answer_is_kept_when_the_engine_dies_after_it() -> None:
    tree = grow({"": [boxed(1), "on\n\n"], "on\n\n": [Reply("abc", dies_after_tokens=1)]}, MCTS)
    assert (tree.trajectory.answer, tree.trajectory.stop_reason) == (1, StopReason.ANSWERED)


def test_a_broken_sandbox_ends_a_tree_with_its_reason() -> None:
    script = {"": [code("1")], "\nThe answer is $\\boxed{": ["no idea"]}
    tree = grow(script, MCTS, sandbox=InProcessSandbox(failure=SandboxError("no processes")))
    assert tree.trajectory.stop_reason is StopReason.SANDBOX_FAILED


def always(score: float) -> Callable[[str], float]:
    return lambda text: score


def dead(text: str) -> float:
    raise EngineError("the scorer is gone")


@pytest.mark.parametrize("score", [dead, always(math.nan), always(math.inf), always(1.5)])
def test_a_scorer_that_fails_is_logged_once_and_not_asked_again(score: Callable[[str], float]) -> None:
    scorer = ScriptedScorer(score)
    tree = grow(TWO_WAYS, replace(MCTS, simulations=9), scorer=scorer)
    assert tree.root.closed
    assert tree.trajectory.score is None
    assert len(tree.harness.lines) == 1
    assert "continues without its scorer" in tree.harness.lines[0]
    assert "\n" not in tree.harness.lines[0]


def test_an_error_in_keeping_the_tree_does_not_cost_its_answer() -> None:
    class Full(list[Node]):
        def append(self, root: Node) -> None:
            raise OSError("no space left")

    async def story() -> tuple[Trajectory, list[str]]:
        harness = SearchHarness(TWO_WAYS, MCTS, roots=Full())
        return await harness.run(), harness.lines

    trajectory, lines = run_virtual(story())
    assert trajectory.answer == 1
    assert "the finished tree could not be kept" in lines[0]


def test_the_solver_votes_over_trees() -> None:
    async def story() -> tuple[int, list[float | None]]:
        drawn = iter([boxed(1), boxed(2), boxed(2)])
        harness = SearchHarness(lambda text, sampling: Reply(next(drawn)), replace(MCTS, width=1))
        await harness.engine.start()
        policy = NemoSkillsPolicy(NemoSkillsSettings(rollouts=3, concurrent=1, base_seconds=60.0))
        ledger = Ledger(asyncio.get_running_loop().time(), 1000.0, problems_left=1)
        solution = await Solver(rollouts=harness.rollouts(), policy=policy, rule=ANY_INTEGER).solve(PROBLEM, ledger)
        return solution.answer, [trajectory.score for trajectory in solution.trajectories]

    assert run_virtual(story()) == (2, [None, None, None])


def test_entropies_are_logged_per_token_when_asked_for() -> None:
    turn = grow({"": [boxed(42)]}, MCTS, settings=replace(SETTINGS, logprobs=3)).trajectory.turns[0]
    assert turn.entropies is not None
    assert len(turn.entropies) == turn.tokens


def test_with_code_off_calls_are_not_recognised() -> None:
    text = code("print(6 * 7)") + boxed(42)
    tree = grow({"": [text]}, MCTS, settings=replace(SETTINGS, code=CodeMode.OFF))
    assert (tree.trajectory.answer, tree.trajectory.code_calls) == (42, 0)
