"""Selections in the solver and in its files: a judge overrules the vote, and never delays an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from aimo_solver.config.policy_settings import NemoSkillsSettings
from aimo_solver.config.settings import GenSelectSettings, RolloutSettings, load_preset
from aimo_solver.dialects.numina import NuminaDialect
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply, ScriptedEngine
from aimo_solver.engine.supervised import SupervisedEngine
from aimo_solver.errors import InputError
from aimo_solver.policies.adjusted import AdjustedPolicy
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.problems.problem import ANY_INTEGER, Problem
from aimo_solver.rollouts.engine_rollouts import EngineRollouts
from aimo_solver.rollouts.parts import RolloutParts
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.runs.reader import read_run
from aimo_solver.runs.writer import RunFolder
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.solver.observer import Observer
from aimo_solver.solver.solution import Solution
from aimo_solver.solver.solver import GRACE_SECONDS, MAX_RESERVE_SHARE, Solver
from aimo_solver.utils.deadline import Deadline
from aimo_solver.voting import Vote, plurality
from aimo_solver.voting.genselect import GenerativeSelector
from aimo_solver.voting.selection import Selection, SelectionReason, Selector
from tests.helpers.examples import rollouts
from tests.helpers.examples import solution as example
from tests.helpers.fakes import PROBLEM, PROMPT, TOKENIZER, InProcessSandbox, boxed
from tests.helpers.judging import ENDLESS, JUDGING, attempts, naming


class JudgedSolver:
    """A solver whose rollouts give these answers after these seconds, and whose judge is `judging`."""

    def __init__(
        self,
        judging: Callable[[str, Sampling], Reply],
        answers: Sequence[tuple[float, int]],
        settings: GenSelectSettings = JUDGING,
        observer: Observer | None = None,
        selector: Selector | None = None,
    ) -> None:
        turns = iter(answers)

        def reply(prompt: str, sampling: Sampling) -> Reply:
            if attempts(prompt):
                return judging(prompt, sampling)
            assert prompt.startswith(PROMPT)
            seconds, answer = next(turns, (1000, 0))  # No reply to a flush comes in time.
            return Reply(boxed(answer), tokens_per_chunk=1000, seconds_per_chunk=seconds)

        self.engine = ScriptedEngine(reply, tokenizer=TOKENIZER, context_tokens=50_000)
        rollout_settings = RolloutSettings(max_tokens=400, flush_seconds=2.0)
        source = EngineRollouts(
            RolloutParts(
                engine=self.engine,
                sandbox=InProcessSandbox(),
                dialect=NuminaDialect(),
                settings=rollout_settings,
                rule=ANY_INTEGER,
            )
        )
        policy = NemoSkillsPolicy(NemoSkillsSettings(rollouts=len(answers), concurrent=len(answers), base_seconds=60.0))
        self.solver = Solver(
            rollouts=source,
            policy=AdjustedPolicy(policy, early_stop=False),
            rule=ANY_INTEGER,
            observer=observer,
            selector=selector or GenerativeSelector(self.engine, settings),
        )

    async def solve(self) -> Solution:
        await self.engine.start()
        solution = await self.solver.solve(PROBLEM, Ledger(asyncio.get_running_loop().time(), 1000.0, problems_left=1))
        assert not self.engine.active_requests
        return solution


def solve(
    judging: Callable[[str, Sampling], Reply],
    *answers: tuple[float, int],
    settings: GenSelectSettings = JUDGING,
) -> Solution:
    async def story() -> Solution:
        return await JudgedSolver(judging, answers, settings).solve()

    return run_virtual(story())


def reason_of(solution: Solution) -> SelectionReason:
    assert solution.selection is not None
    return solution.selection.reason


def test_a_judge_overrules_the_vote() -> None:
    solution = solve(naming(7), (1, 42), (2, 42), (3, 7))
    assert (solution.answer, solution.vote.answer) == (7, 42)


def test_a_settled_vote_is_the_answer() -> None:
    solution = solve(naming(7), (1, 42), (2, 42))
    assert (solution.answer, reason_of(solution)) == (42, SelectionReason.SETTLED)


def test_an_endless_judge_delays_no_answer_and_the_vote_stands() -> None:
    solution = solve(
        lambda prompt, sampling: ENDLESS,
        *[(1, 42), (2, 42), (3, 7)],
        settings=replace(JUDGING, max_tokens=10_000),
    )
    assert (solution.answer, reason_of(solution)) == (42, SelectionReason.NO_TIME)
    assert solution.seconds == pytest.approx(60.0)


def test_an_engine_that_dies_in_judging_leaves_the_vote() -> None:
    solution = solve(lambda prompt, sampling: Reply("Judgment: 1", dies_after_tokens=3), (1, 42), (2, 42), (3, 7))
    assert (solution.answer, reason_of(solution)) == (42, SelectionReason.ENGINE_FAILED)


def test_rollouts_that_use_all_the_time_leave_none_to_judge() -> None:
    solution = solve(naming(7), (1, 42), (2, 42), (3, 7), (100, 7))
    assert (solution.answer, reason_of(solution)) == (42, SelectionReason.NO_TIME)


@pytest.mark.parametrize(("reserve_seconds", "ended_seconds"), [(20.0, 40.0), (50.0, 60.0 * MAX_RESERVE_SHARE)])
def test_time_can_be_kept_from_the_rollouts(reserve_seconds: float, ended_seconds: float) -> None:
    settings = replace(JUDGING, reserve_seconds=reserve_seconds)
    solution = solve(naming(7), (1, 42), (2, 42), (3, 7), (100, 7), settings=settings)
    assert (solution.answer, solution.grant.seconds) == (7, 60.0)
    assert solution.trajectories[3].seconds == pytest.approx(ended_seconds)


def test_the_judges_tokens_count_for_the_problem_but_not_as_rollouts() -> None:
    solution = solve(naming(7), (1, 42), (2, 42), (3, 7))
    assert solution.selection is not None and solution.selection.tokens > 0
    rollout_tokens = sum(trajectory.tokens for trajectory in solution.trajectories)
    assert solution.tokens == rollout_tokens + solution.selection.tokens
    assert solution.spend.tokens == rollout_tokens


def test_the_provisional_answer_during_judging_is_the_votes() -> None:
    async def story() -> tuple[int, float | None]:
        judged = JudgedSolver(lambda prompt, sampling: ENDLESS, [(1, 42), (2, 42), (3, 7)])
        begun = asyncio.get_running_loop().time()
        solving = asyncio.create_task(judged.solve())
        await asyncio.sleep(4.0)
        due, provisional = judged.solver.answer_by, judged.solver.provisional
        await solving
        return provisional, None if due is None else due - begun

    assert run_virtual(story()) == (42, 60.0 + 2 * GRACE_SECONDS)


def test_cancelling_a_problem_ends_its_judgings() -> None:
    async def story() -> int:
        settings = replace(JUDGING, max_tokens=10_000)
        judged = JudgedSolver(lambda prompt, sampling: ENDLESS, [(1, 42), (2, 42), (3, 7)], settings)
        solving = asyncio.create_task(judged.solve())
        await asyncio.sleep(4.0)
        assert len(judged.engine.active_requests) == JUDGING.judgings
        solving.cancel()
        await asyncio.wait({solving})
        return len(judged.engine.active_requests)  # Now: the loop's own end cancels everything.

    assert run_virtual(story()) == 0


def test_a_selector_that_does_not_end_is_abandoned() -> None:
    class Unstoppable:
        reserve_seconds: float = 0.0

        async def select(
            self, *, problem: Problem, trajectories: Sequence[Trajectory], vote: Vote, deadline: Deadline, seed: int
        ) -> Selection:
            while True:
                try:
                    await asyncio.sleep(20.0)
                except asyncio.CancelledError:
                    if asyncio.get_running_loop().time() > deadline.at + 100:
                        raise

    async def story() -> Solution:
        judged = JudgedSolver(naming(7), [(1, 42), (2, 42), (3, 7)], selector=Unstoppable())
        solution = await judged.solve()
        await asyncio.sleep(1000.0)
        return solution

    solution = run_virtual(story())
    assert (solution.answer, solution.selection) == (42, None)
    assert solution.seconds == pytest.approx(60.0 + 2 * GRACE_SECONDS)


def test_a_restart_during_judging_extends_the_deadline() -> None:
    async def story() -> Selection:
        deaths, starts = iter([3]), iter([0.0, 50.0])

        def reply(prompt: str, sampling: Sampling) -> Reply:
            written = prompt.partition("assistant: ")[2]
            return Reply("Judgment: 0".removeprefix(written), tokens_per_chunk=1, dies_after_tokens=next(deaths, None))

        def make_engine() -> ScriptedEngine:
            return ScriptedEngine(reply, tokenizer=TOKENIZER, context_tokens=50_000, start_seconds=next(starts))

        engine = SupervisedEngine(make_engine, log=lambda line: None)
        await engine.start()
        try:
            deadline = Deadline(asyncio.get_running_loop().time() + 20.0, lambda: engine.down_seconds, 100.0)
            selector = GenerativeSelector(engine, replace(JUDGING, judgings=1))
            group = rollouts(42, 7)
            return await selector.select(
                problem=PROBLEM, trajectories=group, vote=plurality(group), deadline=deadline, seed=1
            )
        finally:
            await engine.stop()

    chosen = run_virtual(story())
    assert chosen.reason is SelectionReason.JUDGED
    assert chosen.seconds > 50.0


# In files


@pytest.mark.parametrize(
    "selection",
    [
        Selection(7, SelectionReason.JUDGED, judgings=5, tokens=321, seconds=4.5, tally=((7, 3), (42, 1))),
        Selection(None, SelectionReason.SETTLED),
        None,
    ],
)
def test_a_run_folder_holds_the_selection(tmp_path: Path, selection: Selection | None) -> None:
    solution = replace(example(rollouts(42, 42, 7)), selection=selection)
    with RunFolder(tmp_path / "run", {}) as folder:
        folder.add(solution)
    logged = read_run(tmp_path / "run")
    RunFolder.resume(tmp_path / "run", logged).__exit__()
    for run in (logged, read_run(tmp_path / "run")):
        (found,) = run.solutions
        assert (found.selection, found.tokens) == (selection, solution.tokens)


def test_a_preset_switches_it_on(tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text("[genselect]\njudgings = 7\n")
    assert load_preset(str(preset)).genselect == GenSelectSettings(judgings=7)
    assert load_preset("default").genselect is None


def test_a_window_of_one_is_refused(tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text("[genselect]\nwindow = 1\n")
    with pytest.raises(InputError, match=r"genselect\.window must be greater than or equal to 2, got 1"):
        load_preset(str(preset))
