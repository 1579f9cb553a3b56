"""Trees of steps: what grows, what counts, and every way in which a tree ends."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.config.names import CodeMode, SearchMethod
from aimo_solver.config.policy_settings import NemoSkillsSettings
from aimo_solver.config.settings import SearchSettings
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply
from aimo_solver.errors import EngineError, SandboxError
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.problems.problem import ANY_INTEGER
from aimo_solver.rollouts.trajectory import StopReason, Trajectory
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.solver.solver import Solver
from tests.helpers.fakes import PROBLEM, InProcessSandbox, boxed, code
from tests.helpers.search_stage import SETTINGS, ScriptedScorer, SearchStage, Told, grow, node_at, scores

MCTS = SearchSettings(simulations=1, depth=4, width=2)
DVTS = SearchSettings(method=SearchMethod.DVTS, depth=4, width=2, samples=2)
BEAM = replace(DVTS, method=SearchMethod.BEAM)
METHODS = (MCTS, DVTS, BEAM)
TWO_WAYS = {
    "": ["left\n\n", "right\n\n"],
    "left\n\n": [boxed(1), boxed(2)],
    "right\n\n": [boxed(3), "on\n\n"],
    "right\n\non\n\n": [boxed(4), boxed(5)],
}
WORTH = {"left": 0.5, "right": 0.2, boxed(1): 0.4, boxed(2): -0.2, boxed(3): 0.6, "on": 0.0, boxed(4): -0.4}
"""By what a step begins with; the fifth answer's worth is 0."""


def numbered(text: str, sampling: Sampling) -> Reply:
    """Steps that tell their seeds, and now and then an answer."""
    seed = sampling.seed or 0
    return Reply(boxed(seed % 5) if seed % 3 == 0 else f"step {seed % 7}\n\n")


def statistics(told: Told) -> list[tuple[tuple[int, ...], int, float]]:
    return [(node.place, node.visits, round(node.total, 6)) for node in told.root.walk()]


def test_one_simulation_goes_the_way_of_the_best_scores_and_counts_each_answer_it_meets() -> None:
    told = grow(TWO_WAYS, MCTS, scorer=scores(WORTH))
    assert statistics(told) == [
        ((), 2, 0.2),
        ((0,), 2, 0.2),
        ((0, 0), 1, 0.4),
        ((0, 1), 1, -0.2),
        ((1,), 0, 0.0),
    ]


def test_the_second_simulation_goes_to_the_child_without_a_visit() -> None:
    told = grow(TWO_WAYS, replace(MCTS, simulations=2), scorer=scores(WORTH))
    assert (told.root.visits, node_at(told.root, 0).visits) == (5, 2)
    right = node_at(told.root, 1)
    assert (right.visits, round(right.total, 6)) == (3, 0.2)
    assert node_at(right, 1).visits == 2


def test_the_answer_is_that_of_the_best_scored_end() -> None:
    told = grow(TWO_WAYS, replace(MCTS, simulations=2), scorer=scores(WORTH))
    trajectory = told.trajectory
    assert (trajectory.answer, trajectory.score, trajectory.stop_reason) == (3, 0.6, StopReason.ANSWERED)
    assert [turn.text for turn in trajectory.turns] == ["right\n\n", boxed(3) + "<|end|>"]


def test_what_other_branches_took_is_told_apart_from_the_path() -> None:
    trajectory = grow(TWO_WAYS, MCTS, scorer=scores(WORTH)).trajectory
    ends = len(boxed(1)) - len("\\boxed{") + 2  # The box's opening is one token, as the end of the turn is.
    assert sum(turn.tokens for turn in trajectory.turns) == len("left\n\n") + ends
    assert trajectory.side_tokens == len("right\n\n") + ends


def test_a_tree_that_is_grown_out_ends_before_its_simulations_do() -> None:
    told = grow(TWO_WAYS, replace(MCTS, simulations=100), scorer=scores(WORTH))
    assert told.root.closed
    assert told.root.visits == 5


def test_without_a_scorer_an_answer_is_worth_its_share_of_the_trees_answers() -> None:
    steps = {"": [boxed(1), boxed(2) + " Clearly.", boxed(2), "go\n\n"], "go\n\n": [boxed(1), boxed(3)]}
    told = grow(steps, replace(MCTS, width=4))
    assert [node_at(told.root, place).total for place in range(3)] == [1 / 3, 2 / 3, 2 / 3]
    assert told.trajectory.answer == 1  # As often as 2, and first.
    assert told.trajectory.score is None  # A share is no score.


def test_steps_that_read_the_same_are_one() -> None:
    told = grow({"": ["same\n\n", "same\n\n", boxed(1), "same\n\n"], "same\n\n": [boxed(1)]}, replace(MCTS, width=4))
    assert [node.path.text for node in told.root.children] == ["same\n\n", boxed(1) + "<|end|>"]


def test_code_that_fails_is_the_end_of_its_path_and_worth_minus_one() -> None:
    steps = {"": [code("print(1 / 0)"), "on\n\n"], "on\n\n": [boxed(1)]}
    told = grow(steps, replace(MCTS, simulations=9), scorer=scores({"```": 1.0}))
    failed = node_at(told.root, 0)
    assert (failed.terminal, failed.visits, failed.total, failed.children) == (True, 1, -1.0, [])
    assert failed.path.steps[0].status is ExecutionStatus.ERROR
    assert (told.root.visits, told.trajectory.answer) == (1, 1)


def test_a_step_whose_code_failed_is_not_shown_to_the_scorer() -> None:
    scorer = scores({})
    grow({"": [code("1 / 0"), boxed(1)]}, MCTS, scorer=scorer)
    assert scorer.asked == [boxed(1) + "<|end|>"]


def test_the_scorer_reads_the_models_first_words_too() -> None:
    scorer = scores({})
    grow({"Hm.\n": [boxed(1)]}, MCTS, scorer=scorer, settings=replace(SETTINGS, prefill="Hm.\n"))
    assert scorer.asked == ["Hm.\n" + boxed(1) + "<|end|>"]


def test_a_box_before_code_that_fails_is_no_answer_where_another_path_has_one() -> None:
    told = grow({"": [boxed(6) + code("1 / 0"), boxed(7)]}, MCTS)
    assert told.trajectory.answer == 7


def test_a_program_that_prints_the_word_error_has_not_failed() -> None:
    call = code("print('Traceback: ZeroDivisionError: error')")
    told = grow({"": [call], call + "Traceback: ZeroDivisionError: error\n```\n": [boxed(1)]}, MCTS)
    assert told.trajectory.answer == 1
    assert told.trajectory.turns[0].status is ExecutionStatus.OK


def test_siblings_see_their_paths_variables_and_not_one_anothers() -> None:
    begin = code("x = [1]")
    first, second = code("x.append(2)\nprint(x)"), code("x.append(3)\nprint(x)")
    steps = {
        "": [begin],
        begin + "```\n": [first, second],
        begin + "```\n" + first + "[1, 2]\n```\n": [code("x.append(4)\nprint(x)"), boxed(1)],
        begin + "```\n" + first + "[1, 2]\n```\n" + code("x.append(4)\nprint(x)") + "[1, 2, 4]\n```\n": [boxed(1)],
    }
    told = grow(steps, replace(MCTS, depth=8))
    outputs = [node.path.steps[-1].output for node in node_at(told.root, 0).children]
    assert outputs == ["[1, 2]", "[1, 3]"]
    assert node_at(told.root, 0, 0, 0).path.steps[-1].output == "[1, 2, 4]"


def test_code_is_whole_although_a_blank_line_ends_its_first_step() -> None:
    start, rest = "```python\nx = 6\n\n", "print(x * 7)\n```\n```output\n"
    told = grow({"": [start], start: [rest], start + rest + "42\n```\n": [boxed(42)]}, MCTS)
    assert [turn.output for turn in told.trajectory.turns] == [None, "42", None]


def test_code_beyond_its_rounds_is_not_run() -> None:
    sandbox = InProcessSandbox()
    call = code("print(1)")
    steps = {"": [call], call + "1\n```\n": [code("print(2)"), boxed(1)]}
    told = grow(steps, MCTS, settings=replace(SETTINGS, code_rounds=1), sandbox=sandbox)
    assert sandbox.cells == ["print(1)"]
    assert node_at(told.root, 0, 0).terminal
    assert told.trajectory.answer == 1


def test_a_path_has_no_more_steps_than_the_depth() -> None:
    told = grow(lambda text, sampling: Reply("on\n\n"), replace(MCTS, depth=3, simulations=9))
    assert max(len(node.path.steps) for node in told.root.walk()) == 3
    assert told.root.closed


def test_a_simulation_without_an_answer_sends_the_next_one_elsewhere() -> None:
    steps = {"": ["a\n\n", "b\n\n"], "a\n\n": ["c\n\n", "d\n\n"], "b\n\n": [boxed(1)]}
    told = grow(steps, replace(MCTS, depth=2, simulations=2), scorer=scores({"a": 1.0}))
    assert (node_at(told.root, 0).total, told.trajectory.answer) == (-1.0, 1)


def test_a_tree_without_an_answer_is_asked_for_one_on_its_most_promising_path() -> None:
    def reply(text: str, sampling: Sampling) -> Reply:
        if text.endswith("\\boxed{"):
            return Reply("42}$.")
        return Reply("bad\n\n" if not text and (sampling.seed or 0) % 2 else "good\n\n")

    told = grow(reply, replace(MCTS, width=8, depth=2), scorer=scores({"good": 0.5, "bad": -0.5}))
    trajectory = told.trajectory
    assert (trajectory.answer, trajectory.stop_reason, trajectory.score) == (42, StopReason.FLUSHED, None)
    assert trajectory.turns[0].text == "good\n\n"
    assert trajectory.turns[-1].flush


def test_a_box_is_not_thrown_away_because_its_path_did_not_end() -> None:
    told = grow(lambda text, sampling: Reply(boxed(5) + "\n\n" if not text else "on\n\n"), replace(MCTS, depth=3))
    assert (told.trajectory.answer, told.trajectory.stop_reason) == (5, StopReason.ANSWERED)


@pytest.mark.parametrize("search", METHODS)
def test_the_same_seed_grows_the_same_tree(search: SearchSettings) -> None:
    first, second, other = (grow(numbered, replace(search, simulations=5, width=4), seed=seed) for seed in (7, 7, 8))
    assert statistics(first) == statistics(second)
    assert [node.path.text for node in first.root.walk()] == [node.path.text for node in second.root.walk()]
    assert [node.path.text for node in first.root.walk()] != [node.path.text for node in other.root.walk()]


@pytest.mark.parametrize("search", METHODS)
@pytest.mark.parametrize("max_tokens", [100, 128, 1000, 5000])
def test_a_tree_takes_no_more_tokens_than_it_has(search: SearchSettings, max_tokens: int) -> None:
    told = grow(
        lambda text, sampling: Reply(f"{sampling.seed}{'x' * 4000}"),
        replace(search, simulations=50, width=8, depth=50),
        settings=replace(SETTINGS, max_tokens=max_tokens),
    )
    trajectory = told.trajectory
    flushed = sum(turn.tokens for turn in trajectory.turns if turn.flush)
    assert trajectory.tokens - flushed <= max_tokens
    assert trajectory.stop_reason is StopReason.TOKEN_LIMIT


def test_a_full_context_ends_a_path() -> None:
    told = grow(lambda text, sampling: Reply("x" * 500), replace(MCTS, simulations=3), context_tokens=200)
    assert told.root.closed
    assert told.trajectory.stop_reason is StopReason.NO_ANSWER


def test_a_prompt_longer_than_the_context_ends_at_once() -> None:
    assert grow({}, MCTS, context_tokens=10).trajectory.turns[0].tokens == 0


def slow(text: str, sampling: Sampling) -> Reply:
    return Reply(boxed(1) if not text and (sampling.seed or 0) % 2 else "on\n\n", seconds_per_chunk=3.0)


def test_at_the_deadline_the_best_answer_so_far_counts() -> None:
    told = grow(slow, replace(MCTS, width=8, depth=100), seconds=30.0)
    assert (told.trajectory.answer, told.trajectory.stop_reason) == (1, StopReason.ANSWERED)
    assert told.trajectory.seconds <= 30.0


def test_before_the_deadline_a_tree_without_an_answer_is_asked_for_one() -> None:
    def reply(text: str, sampling: Sampling) -> Reply:
        return Reply("9}$.") if text.endswith("\\boxed{") else Reply("on\n\n", seconds_per_chunk=3.0)

    told = grow(reply, replace(MCTS, depth=100), seconds=20.0)
    assert (told.trajectory.answer, told.trajectory.stop_reason) == (9, StopReason.FLUSHED)


def test_a_deadline_fires_without_any_token() -> None:
    told = grow(lambda text, sampling: Reply("x", hangs_after_tokens=0), MCTS, seconds=20.0)
    assert told.trajectory.stop_reason is StopReason.DEADLINE
    assert told.trajectory.seconds <= 20.0


def test_what_was_written_of_a_flush_counts_when_the_deadline_cuts_it() -> None:
    def reply(text: str, sampling: Sampling) -> Reply:
        flush = text.endswith("\\boxed{")
        return Reply("9}$.", tokens_per_chunk=2, seconds_per_chunk=1.5) if flush else Reply("x", seconds_per_chunk=99.0)

    told = grow(reply, MCTS, seconds=20.0)
    assert (told.trajectory.answer, told.trajectory.turns[-1].tokens) == (9, 2)


def test_a_cancelled_tree_leaves_no_session_and_no_vote() -> None:
    async def story() -> Trajectory:
        call = code("x = 1")
        stage = SearchStage({"": [call], call + "```\n": [code("print(x)")]}, MCTS, sandbox=InProcessSandbox(5.0))
        await stage.engine.start()
        rollout = stage.rollouts().open(stage.task())
        task = asyncio.create_task(rollout.run())
        await asyncio.sleep(12.0)
        assert stage.sandbox.open_sessions == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert stage.sandbox.open_sessions == 0
        assert not stage.engine.active_requests
        return rollout.cancelled()

    trajectory = run_virtual(story())
    assert (trajectory.answer, trajectory.stop_reason) == (None, StopReason.CANCELLED)
    assert trajectory.turns[0].output == ""


def test_a_dead_engine_ends_a_tree_with_its_reason() -> None:
    told = grow(lambda text, sampling: Reply("abc", dies_after_tokens=1), MCTS)
    assert told.trajectory.stop_reason is StopReason.ENGINE_FAILED


def test_an_answer_is_kept_when_the_engine_dies_behind_it() -> None:
    told = grow({"": [boxed(1), "on\n\n"], "on\n\n": [Reply("abc", dies_after_tokens=1)]}, MCTS)
    assert (told.trajectory.answer, told.trajectory.stop_reason) == (1, StopReason.ANSWERED)


def test_a_broken_sandbox_ends_a_tree_with_its_reason() -> None:
    told = grow({"": [code("1")]}, MCTS, sandbox=InProcessSandbox(failure=SandboxError("no processes")))
    assert told.trajectory.stop_reason is StopReason.SANDBOX_FAILED


def dead(text: str) -> float:
    raise EngineError("the scorer is gone")


@pytest.mark.parametrize("score", [dead, lambda text: math.nan, lambda text: math.inf, lambda text: 1.5])
def test_a_scorer_that_fails_is_told_of_once_and_done_without(score: Any) -> None:
    scorer = ScriptedScorer(score)
    told = grow(TWO_WAYS, replace(MCTS, simulations=9), scorer=scorer)
    assert told.root.closed
    assert told.trajectory.score is None
    assert len(told.stage.lines) == 1
    assert "continues without its scorer" in told.stage.lines[0]
    assert "\n" not in told.stage.lines[0]


def test_whoever_takes_the_tree_cannot_cost_its_answer() -> None:
    async def story() -> tuple[Trajectory, list[str]]:
        stage = SearchStage(TWO_WAYS, MCTS)
        stage.roots = None  # type: ignore[assignment]  # Its append fails.
        return await stage.run(), stage.lines

    trajectory, lines = run_virtual(story())
    assert trajectory.answer == 1
    assert "the finished tree could not be kept" in lines[0]


def test_the_solver_votes_over_trees() -> None:
    async def story() -> tuple[int, list[float | None]]:
        drawn = iter([boxed(1), boxed(2), boxed(2)])
        stage = SearchStage(lambda text, sampling: Reply(next(drawn)), replace(MCTS, width=1))
        await stage.engine.start()
        policy = NemoSkillsPolicy(NemoSkillsSettings(rollouts=3, concurrent=1, base_seconds=60.0))
        ledger = Ledger(asyncio.get_running_loop().time(), 1000.0, problems_left=1)
        solution = await Solver(rollouts=stage.rollouts(), policy=policy, rule=ANY_INTEGER).solve(PROBLEM, ledger)
        return solution.answer, [trajectory.score for trajectory in solution.trajectories]

    assert run_virtual(story()) == (2, [None, None, None])


def test_entropies_are_logged_one_a_token_when_asked_for() -> None:
    turn = grow({"": [boxed(42)]}, MCTS, settings=replace(SETTINGS, logprobs=3)).trajectory.turns[0]
    assert turn.entropies is not None
    assert len(turn.entropies) == turn.tokens


def test_with_code_off_calls_are_not_recognised() -> None:
    text = code("print(6 * 7)") + boxed(42)
    told = grow({"": [text]}, MCTS, settings=replace(SETTINGS, code=CodeMode.OFF))
    assert (told.trajectory.answer, told.trajectory.code_calls) == (42, 0)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    simulations=st.integers(1, 8),
    width=st.integers(1, 6),
    depth=st.integers(1, 5),
    failing=st.integers(2, 6),
)
def test_what_a_tree_counts_adds_up(seed: int, simulations: int, width: int, depth: int, failing: int) -> None:
    def reply(text: str, sampling: Sampling) -> Reply:
        drawn = sampling.seed or 0
        return Reply(code("1 / 0")) if drawn % failing == 0 else numbered(text, sampling)

    told = grow(reply, SearchSettings(simulations=simulations, width=width, depth=depth), seed=seed)
    for node in told.root.walk():
        sound = [child for child in node.children if not child.failed]
        from_below = sum(child.visits for child in sound)
        if node.terminal:
            assert node.children == []
            assert node.visits == (node.answer is not None or node.failed)
        else:
            assert node.visits - from_below in (0, 1)  # A dead end counts once.
        assert len({child.path.text for child in node.children}) == len(node.children) <= width
        assert not node.visits or -1 <= node.mean <= 1
    assert told.root.visits >= min(1, simulations)
