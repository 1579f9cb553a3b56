"""GenSelect: what a judge is shown, what it says, and that the vote stands whatever goes wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from examples import rollouts, trajectory
from examples import solution as example
from fakes import PROBLEM, PROMPT, TOKENIZER, InProcessSandbox, boxed
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.deadline import Deadline
from aimo_solver.dialects.numina import NuminaDialect
from aimo_solver.engine import Sampling
from aimo_solver.engine_rollouts import EngineRollouts
from aimo_solver.engines.scripted_engine import Reply, ScriptedEngine
from aimo_solver.engines.supervised_engine import SupervisedEngine
from aimo_solver.errors import InputError
from aimo_solver.genselect import GenerativeSelector
from aimo_solver.genselect.candidate import pick_candidates, summary
from aimo_solver.genselect.judgment import find_judgment
from aimo_solver.genselect.poll import Poll
from aimo_solver.ledger import Ledger
from aimo_solver.logged_run import read_run
from aimo_solver.observer import Observer
from aimo_solver.policies.adjusted import AdjustedPolicy
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.problem import ANY_INTEGER, Problem
from aimo_solver.run_folder import RunFolder
from aimo_solver.selector import Selection, SelectionReason
from aimo_solver.settings import GenSelectSettings, RolloutSettings, load_preset
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.solution import Solution
from aimo_solver.solver import GRACE_SECONDS, MOST_RESERVE_SHARE, Solver
from aimo_solver.trajectory import StopReason, Trajectory, Turn
from aimo_solver.voting import Vote, plurality

SETTINGS = GenSelectSettings(judgings=3, max_tokens=200, least_seconds=5.0)
ENDLESS = Reply("Judgment: 1\n" * 10_000)
TWENTY = tuple(range(100, 120))


def attempts(prompt: str) -> list[int]:
    """The answers a judge is shown, in its order."""
    return [int(answer) for answer in re.findall(r"^Attempt \d+, which answers (-?\d+):", prompt, re.M)]


def naming(answer: int) -> Callable[[str, Sampling], Reply]:
    """A judge that names that answer wherever it is shown, and the first attempt elsewhere."""

    def reply(prompt: str, sampling: Sampling) -> Reply:
        shown = attempts(prompt)
        return Reply(f"I choose it.\nJudgment: {shown.index(answer) if answer in shown else 0}")

    return reply


@dataclass
class Bench:
    """A selector on a scripted engine, with `seconds` to the deadline. Selects among rollouts of given answers."""

    reply: Callable[[str, Sampling], Reply]
    settings: GenSelectSettings = SETTINGS
    seconds: float = 100.0
    context_tokens: int = 50_000
    prompts: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    ended_after_seconds: float = 0.0

    def select(self, *answers: int | None, seed: int = 1) -> Selection:
        return run_virtual(self._story(rollouts(*answers), seed))

    async def _story(self, trajectories: Sequence[Trajectory], seed: int) -> Selection:
        engine = ScriptedEngine(self._answer, tokenizer=TOKENIZER, context_tokens=self.context_tokens)
        await engine.start()
        selector = GenerativeSelector(engine, self.settings, self.log.append)
        begun = asyncio.get_running_loop().time()
        deadline = Deadline(begun + self.seconds)
        chosen = await selector.select(PROBLEM, trajectories, plurality(trajectories), deadline, seed)
        self.ended_after_seconds = asyncio.get_running_loop().time() - begun
        assert not engine.active_requests
        return chosen

    def _answer(self, prompt: str, sampling: Sampling) -> Reply:
        self.prompts.append(prompt)
        return self.reply(prompt, sampling)


# What a judge says


@pytest.mark.parametrize(
    ("reply", "index"),
    [
        ("Judgment: 2", 2),
        ("Judgment: [2]", 2),
        ("**Judgment:** 2", 2),
        ("Judgement: Solution 2.", 2),
        ("Judgment: 2<|im_end|>", 2),
        ("Judgment: $\\boxed 1$, no.\nJudgment: 0", 0),
        ("judgment:\n1", 1),
        ("All in all:\n[2]", 2),
        ("All in all:\n**[2]**<|im_end|>\n", 2),
        ("[1] and [2] differ. Judgment: 0. See [2]", 0),
        ("as in [2] above, it is even", None),
        ("\\[2\\]", None),
        ("Judgment: 1\nOn reflection, Judgment: 3", None),
        ("Judgment: -1", None),
        ("Judgment: 1.5", None),
        ("Judgment: 99999999999999999999", None),
        ("Judgment: IDX", None),
        ("My judgment is that 2 is even", None),
        ("", None),
    ],
)
def test_a_reply_is_read(reply: str, index: int | None) -> None:
    assert find_judgment(reply, 3) == index


@given(st.text() | st.text("Judgment: [012]|<>\n-."), st.integers(0, 16))
def test_reading_never_fails_and_stays_among_the_candidates(reply: str, candidates: int) -> None:
    assert find_judgment(reply, candidates) in {None, *range(candidates)}


@given(st.text(), st.integers(0, 15))
def test_the_last_judgment_wins(reply: str, index: int) -> None:
    assert find_judgment(f"{reply}\nJudgment: {index}", 16) == index


def test_an_endless_number_is_no_judgment() -> None:
    assert find_judgment("Judgment: " + "1" * 100_000, 3) is None


# What a judge is shown


def test_the_shortest_finished_voter_speaks_for_an_answer() -> None:
    def voter(rollout: int, tokens: int, reason: StopReason) -> Trajectory:
        return trajectory(7, rollout, stop_reason=reason, turns=(Turn(f"voter {rollout}", tokens, 1.0),))

    voters = [voter(0, 30, StopReason.ANSWERED), voter(1, 20, StopReason.ANSWERED), voter(2, 10, StopReason.FLUSHED)]
    (chosen,) = pick_candidates(voters, plurality(voters), 16, 100)
    assert chosen.summary == "voter 1"


def test_candidates_are_the_answers_of_most_votes() -> None:
    group = rollouts(1, 2, 2, 3, 3, 3, None)
    assert [candidate.answer for candidate in pick_candidates(group, plurality(group), 2, 100)] == [3, 2]


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (["<think>hm", "hm</think>It is 7.<|im_end|>"], "It is 7."),
        (["x = 1\n", "So it is 7."], "So it is 7."),
        (["<think>", "It is 7.</think><|im_end|>"], "It is 7."),
        (["<|channel|>final<|message|>It is 7.<|return|>"], "final\nIt is 7."),
        (["It is<|im_<|x|>end|> 7."], "It is<|im_\nend|> 7."),
        ([], ""),
    ],
)
def test_a_summary_is_what_was_said_after_thinking(texts: list[str], shown: str) -> None:
    assert summary(trajectory(7, turns=tuple(Turn(text, 1, 1.0) for text in texts)), 100) == shown


def test_a_long_summary_loses_its_middle() -> None:
    text = summary(trajectory(7, turns=(Turn("a" * 500 + "b" * 500, 1, 1.0),)), 100)
    assert text.startswith("a" * 50 + "\n") and text.endswith("\n" + "b" * 50) and len(text) < 150


def test_the_problem_and_every_candidate_are_shown() -> None:
    bench = Bench(naming(7))
    bench.select(42, 42, 7, -3)
    assert all(PROBLEM.text in prompt and sorted(attempts(prompt)) == [-3, 7, 42] for prompt in bench.prompts)


def test_every_judging_has_an_order_of_its_own() -> None:
    bench = Bench(naming(7), replace(SETTINGS, judgings=8))
    bench.select(1, 2, 3, 4, 7)
    assert len({tuple(attempts(prompt)) for prompt in bench.prompts}) > 4


def test_the_same_seed_gives_the_same_prompts() -> None:
    def prompts(seed: int) -> list[str]:
        bench = Bench(naming(7))
        bench.select(*TWENTY, seed=seed)
        return bench.prompts

    assert prompts(1) == prompts(1)
    assert prompts(1) != prompts(2)


def test_judgings_have_seeds_and_the_judges_temperature() -> None:
    samplings: list[Sampling] = []

    def reply(prompt: str, sampling: Sampling) -> Reply:
        samplings.append(sampling)
        return Reply("Judgment: 0")

    Bench(reply).select(42, 42, 7)
    assert len({sampling.seed for sampling in samplings}) == 3
    assert {(sampling.temperature, sampling.max_tokens) for sampling in samplings} == {(0.6, 200)}


# Who wins


def test_the_answer_that_is_named_most_often_is_chosen() -> None:
    chosen = Bench(naming(7)).select(42, 42, 7)
    assert (chosen.answer, chosen.reason) == (7, SelectionReason.JUDGED)


def test_judgings_that_can_change_nothing_are_ended() -> None:
    seconds = iter([1.0, 1.0, 50.0])

    def reply(prompt: str, sampling: Sampling) -> Reply:
        return replace(naming(7)(prompt, sampling), tokens_per_chunk=100, seconds_per_chunk=next(seconds))

    bench = Bench(reply)
    chosen = bench.select(42, 42, 7)
    assert (chosen.answer, chosen.tally, chosen.judgings) == (7, ((7, 2),), 3)
    assert bench.ended_after_seconds == chosen.seconds == 1.0


def test_a_tie_leaves_the_vote() -> None:
    named = iter([42, 7])

    def reply(prompt: str, sampling: Sampling) -> Reply:
        return naming(next(named))(prompt, sampling)

    chosen = Bench(reply, replace(SETTINGS, judgings=2)).select(42, 42, 7)
    assert (chosen.answer, chosen.reason, chosen.tally) == (None, SelectionReason.TIED, ((7, 1), (42, 1)))


def test_without_a_judgment_the_vote_stands() -> None:
    chosen = Bench(lambda prompt, sampling: Reply("Judgment: 2")).select(42, 42, 7)
    assert (chosen.answer, chosen.reason, chosen.judgings) == (None, SelectionReason.NO_JUDGMENT, 3)


def test_a_judging_that_is_cut_short_names_nobody() -> None:
    chosen = Bench(lambda prompt, sampling: ENDLESS).select(42, 42, 7)
    assert (chosen.reason, chosen.tokens) == (SelectionReason.NO_JUDGMENT, 3 * 200)


@given(st.lists(st.sampled_from([None, 1, 2, 3]), max_size=8))
def test_a_decided_poll_keeps_its_winner(named: list[int | None]) -> None:
    candidates = {c.answer: c for c in pick_candidates(rollouts(1, 2, 3), plurality(rollouts(1, 2, 3)), 3, 9)}
    poll, decided_for = Poll(len(named)), None
    for answer in named:
        poll.add(None if answer is None else candidates[answer])
        decided_for = decided_for or (poll.winner if poll.decided else None)
    assert decided_for is None or poll.winner == decided_for


def test_many_answers_play_a_knockout_in_windows() -> None:
    bench = Bench(naming(119), replace(SETTINGS, candidates=20))
    chosen = bench.select(*TWENTY)
    sizes = [len(attempts(prompt)) for prompt in bench.prompts]
    assert chosen.answer == 119
    assert max(sizes) <= 8 and 119 in attempts(bench.prompts[-1])
    assert chosen.judgings == len(bench.prompts) == (3 + 1) * 3


def test_no_more_candidates_are_judged_than_asked_for() -> None:
    bench = Bench(naming(100))
    bench.select(*TWENTY)
    assert {answer for prompt in bench.prompts for answer in attempts(prompt)} == set(range(100, 116))


def test_in_a_window_without_a_winner_the_votes_decide() -> None:
    def reply(prompt: str, sampling: Sampling) -> Reply:
        return naming(3)(prompt, sampling) if 3 in attempts(prompt) else Reply("I cannot tell")

    bench = Bench(reply, replace(SETTINGS, window=2))
    chosen = bench.select(1, 1, 1, 2, 2, 3, 4)
    windows = {tuple(sorted(attempts(prompt))) for prompt in bench.prompts}
    assert (chosen.answer, windows) == (3, {(1, 3), (2, 4), (2, 3)})


def test_a_window_of_one_is_won_unasked() -> None:
    bench = Bench(naming(3), replace(SETTINGS, window=2))
    chosen = bench.select(1, 1, 2, 3)
    windows = {tuple(sorted(attempts(prompt))) for prompt in bench.prompts}
    assert (chosen.answer, windows) == (3, {(1, 3), (2, 3)})


def test_a_small_context_gets_small_windows() -> None:
    bench = Bench(naming(119), context_tokens=1700)
    assert bench.select(*TWENTY[-10:]).answer == 119
    assert max(len(attempts(prompt)) for prompt in bench.prompts) < 8


def test_a_context_too_small_for_two_leaves_the_vote() -> None:
    chosen = Bench(naming(7), context_tokens=500).select(42, 42, 7)
    assert (chosen.answer, chosen.reason, chosen.judgings) == (None, SelectionReason.NO_ROOM, 0)


# When nobody is asked, and what can go wrong


@pytest.mark.parametrize("answers", [(), (None, None), (42,), (42, 42, None)])
def test_an_uncontested_vote_asks_nothing(answers: tuple[int | None, ...]) -> None:
    bench = Bench(naming(42))
    assert bench.select(*answers) == Selection(None, SelectionReason.SETTLED)
    assert not bench.prompts


@pytest.mark.parametrize(("most_margin", "asked"), [(0.7, False), (0.75, True), (1.0, True)])
def test_a_leader_far_ahead_is_not_questioned(most_margin: float, asked: bool) -> None:
    bench = Bench(naming(7), replace(SETTINGS, most_margin=most_margin))
    assert (bench.select(42, 42, 42, 7).answer == 7) is asked is bool(bench.prompts)


def test_with_too_little_time_nobody_is_asked() -> None:
    bench = Bench(naming(7), seconds=4.9)
    assert bench.select(42, 42, 7) == Selection(None, SelectionReason.NO_TIME)
    assert not bench.prompts


def test_an_endless_judge_is_cut_at_the_deadline() -> None:
    bench = Bench(lambda prompt, sampling: ENDLESS, replace(SETTINGS, max_tokens=10_000), seconds=30.0)
    chosen = bench.select(42, 42, 7)
    assert (chosen.answer, chosen.reason) == (None, SelectionReason.NO_TIME)
    assert bench.ended_after_seconds == pytest.approx(30.0)
    assert chosen.tokens > 3 * 1000


@pytest.mark.parametrize("answers", [(42, 42, 7), TWENTY])
def test_a_dead_engine_leaves_the_vote(answers: tuple[int, ...]) -> None:
    chosen = Bench(lambda prompt, sampling: Reply("Judgment: 0", dies_after_tokens=8)).select(*answers)
    assert (chosen.answer, chosen.reason) == (None, SelectionReason.ENGINE_FAILED)
    assert chosen.tokens > 0


def test_what_nobody_foresaw_is_logged_and_leaves_the_vote() -> None:
    def reply(prompt: str, sampling: Sampling) -> Reply:
        raise ZeroDivisionError("by something")

    bench = Bench(reply)
    assert bench.select(42, 42, 7).reason is SelectionReason.FAILED
    assert bench.log == ["p1, judging: ZeroDivisionError('by something')"]


def test_tokens_are_counted() -> None:
    bench = Bench(lambda prompt, sampling: Reply("Judgment: 1"), replace(SETTINGS, judgings=1))
    chosen = bench.select(42, 42, 7)
    assert (chosen.judgings, chosen.tokens) == (1, len(TOKENIZER.encode("Judgment: 1")) + 1)  # and the turn's end


# In the solver


class Theatre:
    """A solver whose rollouts give the answers, at the seconds given, and whose judge is `judging`."""

    def __init__(
        self,
        judging: Callable[[str, Sampling], Reply],
        answers: Sequence[tuple[float, int]],
        settings: GenSelectSettings = SETTINGS,
        observer: Observer | None = None,
    ) -> None:
        turns = iter(answers)

        def reply(prompt: str, sampling: Sampling) -> Reply:
            if attempts(prompt):
                return judging(prompt, sampling)
            assert prompt.startswith(PROMPT)
            seconds, answer = next(turns, (1000, 0))  # A flush waits in vain.
            return Reply(boxed(answer), tokens_per_chunk=1000, seconds_per_chunk=seconds)

        self.engine = ScriptedEngine(reply, tokenizer=TOKENIZER, context_tokens=50_000)
        rollout_settings = RolloutSettings(max_tokens=400, flush_seconds=2.0)
        source = EngineRollouts(self.engine, InProcessSandbox(), NuminaDialect(), rollout_settings, ANY_INTEGER)
        policy = NemoSkillsPolicy(rollouts=len(answers), concurrent=len(answers), base_seconds=60.0)
        self.solver = Solver(
            source,
            AdjustedPolicy(policy, early_stop=False),
            ANY_INTEGER,
            observer=observer,
            selector=GenerativeSelector(self.engine, settings),
        )

    async def solve(self) -> Solution:
        await self.engine.start()
        solution = await self.solver.solve(PROBLEM, Ledger(asyncio.get_running_loop().time(), 1000.0, problems_left=1))
        assert not self.engine.active_requests
        return solution


def solve(
    judging: Callable[[str, Sampling], Reply],
    *answers: tuple[float, int],
    settings: GenSelectSettings = SETTINGS,
) -> Solution:
    async def story() -> Solution:
        return await Theatre(judging, answers, settings).solve()

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
        settings=replace(SETTINGS, max_tokens=10_000),
    )
    assert (solution.answer, reason_of(solution)) == (42, SelectionReason.NO_TIME)
    assert solution.seconds == pytest.approx(60.0)


def test_an_engine_that_dies_in_judging_leaves_the_vote() -> None:
    solution = solve(lambda prompt, sampling: Reply("Judgment: 1", dies_after_tokens=3), (1, 42), (2, 42), (3, 7))
    assert (solution.answer, reason_of(solution)) == (42, SelectionReason.ENGINE_FAILED)


def test_rollouts_that_use_all_the_time_leave_none_to_judge() -> None:
    solution = solve(naming(7), (1, 42), (2, 42), (3, 7), (100, 7))
    assert (solution.answer, reason_of(solution)) == (42, SelectionReason.NO_TIME)


@pytest.mark.parametrize(("reserve_seconds", "ended_seconds"), [(20.0, 40.0), (50.0, 60.0 * MOST_RESERVE_SHARE)])
def test_time_can_be_kept_from_the_rollouts(reserve_seconds: float, ended_seconds: float) -> None:
    settings = replace(SETTINGS, reserve_seconds=reserve_seconds)
    solution = solve(naming(7), (1, 42), (2, 42), (3, 7), (100, 7), settings=settings)
    assert (solution.answer, solution.grant.seconds) == (7, 60.0)
    assert solution.trajectories[3].seconds == pytest.approx(ended_seconds)


def test_the_judges_tokens_count_for_the_problem_but_not_as_rollouts() -> None:
    solution = solve(naming(7), (1, 42), (2, 42), (3, 7))
    assert solution.selection is not None and solution.selection.tokens > 0
    rollout_tokens = sum(trajectory.tokens for trajectory in solution.trajectories)
    assert solution.tokens == rollout_tokens + solution.selection.tokens
    assert solution.spend.tokens == rollout_tokens


def test_while_a_judge_thinks_the_vote_is_the_answer_to_give() -> None:
    async def story() -> tuple[int, float | None]:
        theatre = Theatre(lambda prompt, sampling: ENDLESS, [(1, 42), (2, 42), (3, 7)])
        begun = asyncio.get_running_loop().time()
        solving = asyncio.create_task(theatre.solve())
        await asyncio.sleep(4.0)
        due, provisional = theatre.solver.answer_by, theatre.solver.provisional
        await solving
        return provisional, None if due is None else due - begun

    assert run_virtual(story()) == (42, 60.0 + 2 * GRACE_SECONDS)


def test_cancelling_a_problem_ends_its_judgings() -> None:
    async def story() -> int:
        settings = replace(SETTINGS, max_tokens=10_000)
        theatre = Theatre(lambda prompt, sampling: ENDLESS, [(1, 42), (2, 42), (3, 7)], settings)
        solving = asyncio.create_task(theatre.solve())
        await asyncio.sleep(4.0)
        assert len(theatre.engine.active_requests) == SETTINGS.judgings
        solving.cancel()
        await asyncio.wait({solving})
        return len(theatre.engine.active_requests)  # Now: the loop's own end cancels everything.

    assert run_virtual(story()) == 0


def test_a_selector_that_does_not_end_is_left_behind() -> None:
    class Deaf:
        reserve_seconds = 0.0

        async def select(
            self, problem: Problem, trajectories: Sequence[Trajectory], vote: Vote, deadline: Deadline, seed: int
        ) -> Selection:
            while True:
                try:
                    await asyncio.sleep(20.0)
                except asyncio.CancelledError:
                    if asyncio.get_running_loop().time() > deadline.at + 100:
                        raise

    async def story() -> Solution:
        theatre = Theatre(naming(7), [(1, 42), (2, 42), (3, 7)])
        theatre.solver._selector = Deaf()
        solution = await theatre.solve()
        await asyncio.sleep(1000.0)
        return solution

    solution = run_virtual(story())
    assert (solution.answer, solution.selection) == (42, None)
    assert solution.seconds == pytest.approx(60.0 + 2 * GRACE_SECONDS)


def test_a_restart_in_judging_puts_the_deadline_off() -> None:
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
            selector = GenerativeSelector(engine, replace(SETTINGS, judgings=1))
            group = rollouts(42, 7)
            return await selector.select(PROBLEM, group, plurality(group), deadline, 1)
        finally:
            await engine.stop()

    chosen = run_virtual(story())
    assert chosen.reason is SelectionReason.JUDGED
    assert chosen.seconds > 50.0


# In files


@pytest.mark.parametrize(
    "selection",
    [
        Selection(7, SelectionReason.JUDGED, 5, 321, 4.5, ((7, 3), (42, 1))),
        Selection(None, SelectionReason.SETTLED),
        None,
    ],
)
def test_a_run_folder_holds_the_selection(tmp_path: Path, selection: Selection | None) -> None:
    solution = replace(example(rollouts(42, 42, 7)), selection=selection)
    with RunFolder(tmp_path / "run", {}) as folder:
        folder.add(solution)
    logged = read_run(tmp_path / "run")
    RunFolder.continued(tmp_path / "run", logged).__exit__()
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
    with pytest.raises(InputError, match=r"genselect\.window: .* 2"):
        load_preset(str(preset))
