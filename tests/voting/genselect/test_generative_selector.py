"""GenSelect: what a judge is shown, what it says, and that the vote stands whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.config.settings import GenSelectSettings
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply, ScriptedEngine
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.utils.deadline import Deadline
from aimo_solver.voting import plurality
from aimo_solver.voting.genselect import GenerativeSelector
from aimo_solver.voting.genselect.candidate import pick_candidates, summary
from aimo_solver.voting.genselect.poll import Poll
from aimo_solver.voting.selection import Selection, SelectionReason
from tests.helpers.examples import rollouts, trajectory
from tests.helpers.fakes import PROBLEM, TOKENIZER
from tests.helpers.judging import ENDLESS, JUDGING, attempts, naming

TWENTY = tuple(range(100, 120))


@dataclass
class SelectorHarness:
    """A selector on a scripted engine, `seconds` before the deadline; it selects among rollouts with given answers."""

    reply: Callable[[str, Sampling], Reply]
    settings: GenSelectSettings = JUDGING
    seconds: float = 100.0
    context_tokens: int = 50_000
    prompts: list[str] = field(default_factory=list[str])
    log: list[str] = field(default_factory=list[str])
    ended_after_seconds: float = 0.0

    def select(self, *answers: int | None, seed: int = 1) -> Selection:
        return run_virtual(self._story(rollouts(*answers), seed))

    async def _story(self, trajectories: Sequence[Trajectory], seed: int) -> Selection:
        engine = ScriptedEngine(self._answer, tokenizer=TOKENIZER, context_tokens=self.context_tokens)
        await engine.start()
        selector = GenerativeSelector(engine, self.settings, self.log.append)
        begun = asyncio.get_running_loop().time()
        deadline = Deadline(begun + self.seconds)
        chosen = await selector.select(
            problem=PROBLEM, trajectories=trajectories, vote=plurality(trajectories), deadline=deadline, seed=seed
        )
        self.ended_after_seconds = asyncio.get_running_loop().time() - begun
        assert not engine.active_requests
        return chosen

    def _answer(self, prompt: str, sampling: Sampling) -> Reply:
        self.prompts.append(prompt)
        return self.reply(prompt, sampling)


# What a judge is shown


def test_a_candidate_is_the_shortest_voter_that_ended_by_itself() -> None:
    def voter(rollout: int, tokens: int, reason: StopReason) -> Trajectory:
        return trajectory(7, rollout, stop_reason=reason, turns=(Turn(f"voter {rollout}", tokens, 1.0),))

    voters = [voter(0, 30, StopReason.ANSWERED), voter(1, 20, StopReason.ANSWERED), voter(2, 10, StopReason.FLUSHED)]
    (chosen,) = pick_candidates(voters, plurality(voters), max_candidates=16, summary_chars=100)
    assert chosen.summary == "voter 1"


def test_candidates_are_the_answers_of_most_votes() -> None:
    group = rollouts(1, 2, 2, 3, 3, 3, None)
    assert [
        candidate.answer for candidate in pick_candidates(group, plurality(group), max_candidates=2, summary_chars=100)
    ] == [3, 2]


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
    harness = SelectorHarness(naming(7))
    harness.select(42, 42, 7, -3)
    assert all(PROBLEM.text in prompt and sorted(attempts(prompt)) == [-3, 7, 42] for prompt in harness.prompts)


def test_every_judging_has_its_own_order() -> None:
    harness = SelectorHarness(naming(7), replace(JUDGING, judgings=8))
    harness.select(1, 2, 3, 4, 7)
    assert len({tuple(attempts(prompt)) for prompt in harness.prompts}) > 4


def test_the_same_seed_gives_the_same_prompts() -> None:
    def prompts(seed: int) -> list[str]:
        harness = SelectorHarness(naming(7))
        harness.select(*TWENTY, seed=seed)
        return harness.prompts

    assert prompts(1) == prompts(1)
    assert prompts(1) != prompts(2)


def test_judgings_have_seeds_and_the_judges_temperature() -> None:
    samplings: list[Sampling] = []

    def reply(prompt: str, sampling: Sampling) -> Reply:
        samplings.append(sampling)
        return Reply("Judgment: 0")

    SelectorHarness(reply).select(42, 42, 7)
    assert len({sampling.seed for sampling in samplings}) == 3
    assert {(sampling.temperature, sampling.max_tokens) for sampling in samplings} == {(0.6, 200)}


# Who wins


def test_the_answer_that_is_named_most_often_is_chosen() -> None:
    chosen = SelectorHarness(naming(7)).select(42, 42, 7)
    assert (chosen.answer, chosen.reason) == (7, SelectionReason.JUDGED)


@pytest.mark.parametrize(
    ("votes", "reason"),
    [
        ((42, 42, 7), SelectionReason.JUDGED),
        ((42, 42, 42, 42, 7), SelectionReason.OUTVOTED),
        ((42, 42, 42, 7, 7), SelectionReason.JUDGED),
        ((42, 42, 42, 7, 8), SelectionReason.OUTVOTED),  # 1 + 0.4 x 5 is not more than 3.
    ],
)
def test_a_choice_of_little_worth_cannot_overrule_many_votes(votes: tuple[int, ...], reason: SelectionReason) -> None:
    chosen = SelectorHarness(naming(7), replace(JUDGING, worth=0.4)).select(*votes)
    assert (chosen.answer, chosen.reason) == (7 if reason is SelectionReason.JUDGED else None, reason)


def test_the_leader_may_be_chosen_whatever_a_choice_is_worth() -> None:
    chosen = SelectorHarness(naming(42), replace(JUDGING, worth=0.0)).select(42, 42, 7)
    assert (chosen.answer, chosen.reason) == (42, SelectionReason.JUDGED)


def test_judgings_that_cannot_change_the_winner_are_cancelled() -> None:
    seconds = iter([1.0, 1.0, 50.0])

    def reply(prompt: str, sampling: Sampling) -> Reply:
        return replace(naming(7)(prompt, sampling), tokens_per_chunk=100, seconds_per_chunk=next(seconds))

    harness = SelectorHarness(reply)
    chosen = harness.select(42, 42, 7)
    assert (chosen.answer, chosen.tally, chosen.judgings) == (7, ((7, 2),), 3)
    assert harness.ended_after_seconds == chosen.seconds == 1.0


def test_a_tie_leaves_the_vote() -> None:
    named = iter([42, 7])

    def reply(prompt: str, sampling: Sampling) -> Reply:
        return naming(next(named))(prompt, sampling)

    chosen = SelectorHarness(reply, replace(JUDGING, judgings=2)).select(42, 42, 7)
    assert (chosen.answer, chosen.reason, chosen.tally) == (None, SelectionReason.TIED, ((7, 1), (42, 1)))


def test_without_a_judgment_the_vote_stands() -> None:
    chosen = SelectorHarness(lambda prompt, sampling: Reply("Judgment: 2")).select(42, 42, 7)
    assert (chosen.answer, chosen.reason, chosen.judgings) == (None, SelectionReason.NO_JUDGMENT, 3)


def test_a_judging_that_is_cut_short_names_no_candidate() -> None:
    chosen = SelectorHarness(lambda prompt, sampling: ENDLESS).select(42, 42, 7)
    assert (chosen.reason, chosen.tokens) == (SelectionReason.NO_JUDGMENT, 3 * 200)


@given(st.lists(st.sampled_from([None, 1, 2, 3]), max_size=8))
def test_a_decided_poll_keeps_its_winner(named: list[int | None]) -> None:
    candidates = {
        c.answer: c
        for c in pick_candidates(rollouts(1, 2, 3), plurality(rollouts(1, 2, 3)), max_candidates=3, summary_chars=9)
    }
    poll, decided_for = Poll(len(named)), None
    for answer in named:
        poll.add(None if answer is None else candidates[answer])
        decided_for = decided_for or (poll.winner if poll.decided else None)
    assert decided_for is None or poll.winner == decided_for


def test_many_answers_play_a_knockout_in_windows() -> None:
    harness = SelectorHarness(naming(119), replace(JUDGING, max_candidates=20))
    chosen = harness.select(*TWENTY)
    sizes = [len(attempts(prompt)) for prompt in harness.prompts]
    assert chosen.answer == 119
    assert max(sizes) <= 8 and 119 in attempts(harness.prompts[-1])
    assert chosen.judgings == len(harness.prompts) == (3 + 1) * 3


def test_no_more_than_max_candidates_are_judged() -> None:
    harness = SelectorHarness(naming(100))
    harness.select(*TWENTY)
    assert {answer for prompt in harness.prompts for answer in attempts(prompt)} == set(range(100, 116))


def test_in_a_window_without_a_winner_the_votes_decide() -> None:
    def reply(prompt: str, sampling: Sampling) -> Reply:
        return naming(3)(prompt, sampling) if 3 in attempts(prompt) else Reply("I cannot tell")

    harness = SelectorHarness(reply, replace(JUDGING, window=2))
    chosen = harness.select(1, 1, 1, 2, 2, 3, 4)
    windows = {tuple(sorted(attempts(prompt))) for prompt in harness.prompts}
    assert (chosen.answer, windows) == (3, {(1, 3), (2, 4), (2, 3)})


def test_a_window_of_one_is_won_without_a_judging() -> None:
    harness = SelectorHarness(naming(3), replace(JUDGING, window=2))
    chosen = harness.select(1, 1, 2, 3)
    windows = {tuple(sorted(attempts(prompt))) for prompt in harness.prompts}
    assert (chosen.answer, windows) == (3, {(1, 3), (2, 3)})


def test_a_small_context_gets_small_windows() -> None:
    harness = SelectorHarness(naming(119), context_tokens=1700)
    assert harness.select(*TWENTY[-10:]).answer == 119
    assert max(len(attempts(prompt)) for prompt in harness.prompts) < 8


def test_a_context_too_small_for_two_leaves_the_vote() -> None:
    chosen = SelectorHarness(naming(7), context_tokens=500).select(42, 42, 7)
    assert (chosen.answer, chosen.reason, chosen.judgings) == (None, SelectionReason.NO_ROOM, 0)


# When nothing is judged, and what can go wrong


@pytest.mark.parametrize("answers", [(), (None, None), (42,), (42, 42, None)])
def test_an_uncontested_vote_is_not_judged(answers: tuple[int | None, ...]) -> None:
    harness = SelectorHarness(naming(42))
    assert harness.select(*answers) == Selection(None, SelectionReason.SETTLED)
    assert not harness.prompts


@pytest.mark.parametrize(("max_margin", "judged"), [(0.7, False), (0.75, True), (1.0, True)])
def test_a_leader_far_ahead_is_not_judged(max_margin: float, judged: bool) -> None:
    harness = SelectorHarness(naming(7), replace(JUDGING, max_margin=max_margin))
    assert (harness.select(42, 42, 42, 7).answer == 7) is judged is bool(harness.prompts)


def test_with_too_little_time_nothing_is_judged() -> None:
    harness = SelectorHarness(naming(7), seconds=4.9)
    assert harness.select(42, 42, 7) == Selection(None, SelectionReason.NO_TIME)
    assert not harness.prompts


def test_an_endless_judge_is_cut_at_the_deadline() -> None:
    harness = SelectorHarness(lambda prompt, sampling: ENDLESS, replace(JUDGING, max_tokens=10_000), seconds=30.0)
    chosen = harness.select(42, 42, 7)
    assert (chosen.answer, chosen.reason) == (None, SelectionReason.NO_TIME)
    assert harness.ended_after_seconds == pytest.approx(30.0)
    assert chosen.tokens > 3 * 1000


@pytest.mark.parametrize("answers", [(42, 42, 7), TWENTY])
def test_a_dead_engine_leaves_the_vote(answers: tuple[int, ...]) -> None:
    chosen = SelectorHarness(lambda prompt, sampling: Reply("Judgment: 0", dies_after_tokens=8)).select(*answers)
    assert (chosen.answer, chosen.reason) == (None, SelectionReason.ENGINE_FAILED)
    assert chosen.tokens > 0


def test_an_unexpected_error_is_logged_and_leaves_the_vote() -> None:
    def reply(prompt: str, sampling: Sampling) -> Reply:
        raise ZeroDivisionError("by something")

    harness = SelectorHarness(reply)
    assert harness.select(42, 42, 7).reason is SelectionReason.FAILED
    assert harness.log == ["p1, judging: ZeroDivisionError('by something')"]


def test_tokens_are_counted() -> None:
    harness = SelectorHarness(lambda prompt, sampling: Reply("Judgment: 1"), replace(JUDGING, judgings=1))
    chosen = harness.select(42, 42, 7)
    assert (chosen.judgings, chosen.tokens) == (1, len(TOKENIZER.encode("Judgment: 1")) + 1)  # and the turn's end
