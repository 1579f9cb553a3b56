"""The buffered policy: what a problem gets, and when its rollouts are cancelled."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.config.policy_settings import NemoSkillsSettings
from aimo_solver.errors import InputError
from aimo_solver.policies.adjusted import AdjustedPolicy
from aimo_solver.policies.factory import make_policy
from aimo_solver.policies.ledger import Ledger, Spend
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.policies.policy import Action, Decision, Policy
from aimo_solver.policies.stopping import agreement, cannot_be_caught, enough_finished
from tests.helpers.own_settings import own_settings
from tests.helpers.progress import progress

POLICY = NemoSkillsPolicy()
HOURS = 3600.0
LEDGER = Ledger(0.0, 5 * HOURS, problems_left=50)


def ample(*spent: float) -> Ledger:
    """Far more time than any policy wants, after problems that took so long."""
    return Ledger(0.0, 100 * HOURS, problems_left=50, spent=Spend(len(spent), sum(spent)))


def review(*answers: int | None, rollouts: int = 16, policy: Policy = POLICY) -> Decision:
    return policy.review(progress(*answers, running=rollouts - len(answers)), LEDGER)


# What a problem gets


def test_the_first_problem_gets_the_base() -> None:
    assert POLICY.grant(ample(), now=0.0).seconds == 350.0


def test_a_full_buffer_adds_at_most_210_seconds() -> None:
    assert POLICY.grant(ample(10.0, 10.0, 10.0), now=30.0).seconds == 560.0


def test_the_buffer_is_what_earlier_problems_saved() -> None:
    assert POLICY.grant(ample(300.0), now=300.0).seconds == 400.0


def test_a_problem_that_drew_on_the_buffer_leaves_less_of_it() -> None:
    assert POLICY.grant(ample(250.0, 420.0), now=670.0).seconds == 380.0


def test_overspent_time_is_not_owed() -> None:
    assert POLICY.grant(ample(560.0), now=560.0).seconds == 350.0


def test_too_little_time_is_shared_equally() -> None:
    assert POLICY.grant(Ledger(0.0, 1000.0, problems_left=10), now=0.0).seconds == 100.0


def test_the_buffer_leaves_later_problems_their_shares() -> None:
    ledger = Ledger(0.0, 1000.0, problems_left=9).charge(Spend(1, 1.0))
    assert POLICY.grant(ledger, now=1.0).seconds == pytest.approx(999.0 / 8)


def test_problems_that_come_one_at_a_time_get_the_base_too() -> None:
    assert POLICY.grant(Ledger(0.0, 5 * HOURS), now=0.0).seconds == 350.0


def test_every_rollout_is_granted_and_no_more_run_at_once() -> None:
    grant = NemoSkillsPolicy(NemoSkillsSettings(rollouts=4, concurrent=16)).grant(ample(), now=0.0)
    assert (grant.rollouts, grant.concurrent) == (4, 4)


def test_no_problem_is_granted_more_than_what_is_left() -> None:
    assert POLICY.grant(Ledger(0.0, 1000.0, problems_left=1), now=950.0).seconds == 50.0
    assert POLICY.grant(Ledger(0.0, 1000.0), now=950.0).seconds == 50.0


@pytest.mark.parametrize("problems", [1, 10, 110])
def test_any_number_of_problems_shares_the_limit(problems: int) -> None:
    grant = POLICY.grant(Ledger(0.0, 100.0 * problems, problems_left=problems), now=0.0)
    assert grant.seconds == pytest.approx(100.0)


@given(
    total=st.floats(1, 10 * HOURS),
    loading=st.floats(0, 0.9),
    base=st.floats(0.1, 1000),
    buffer=st.floats(0, 1000),
    spends=st.lists(st.floats(0, 1), min_size=1, max_size=30),
    known=st.booleans(),
)
def test_no_contest_spends_more_than_its_limit(
    total: float, loading: float, base: float, buffer: float, spends: list[float], known: bool
) -> None:
    policy = NemoSkillsPolicy(NemoSkillsSettings(base_seconds=base, buffer_seconds=buffer))
    ledger = Ledger(0.0, total, problems_left=len(spends) if known else None)
    now = loading * total
    for share in spends:
        left = ledger.left_seconds(now)
        seconds = policy.grant(ledger, now).seconds
        assert 0 <= seconds <= min(left, base + buffer)
        assert seconds >= min(base, ledger.share_seconds(now)) * (1 - 1e-9)
        assert seconds > 0 or left == 0
        now += share * seconds
        ledger = ledger.charge(Spend(1, share * seconds))
    assert now <= total * (1 + 1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_every_later_problem_keeps_its_share_whatever_earlier_ones_spend(spends: list[float]) -> None:
    ledger, now = Ledger(0.0, 100.0 * len(spends), problems_left=len(spends)), 0.0
    for share in spends:
        seconds = POLICY.grant(ledger, now).seconds
        assert seconds >= 100.0 * (1 - 1e-9)
        now += share * seconds
        ledger = ledger.charge(Spend(1, share * seconds))


# When to stop


def test_four_of_the_first_five_answers_are_enough() -> None:
    assert review(1, 2, 1, 1, 1) == Decision(Action.STOP, "4 of the first 5 answers are 1")


def test_four_equal_answers_need_no_fifth() -> None:
    assert review(1, 1, 1, 1).action is Action.STOP


def test_three_of_the_first_five_are_not_enough_whatever_follows() -> None:
    assert review(1, 2, 1, 2, 1, 1, 1).action is Action.CONTINUE


def test_rollouts_without_an_answer_are_not_among_the_first_five() -> None:
    assert review(None, 1, None, 2, None, 1, 1, 1).action is Action.STOP


def test_the_first_answers_are_the_first_to_finish() -> None:
    """The progress holds answers in the order they came, and no rollout index."""
    assert review(1, 1, 1, 1, *range(2, 9)).action is Action.STOP
    assert review(*range(2, 9), 1, 1, 1, 1).action is Action.CONTINUE


def test_ten_of_twelve_rollouts_are_enough() -> None:
    assert review(*range(9), rollouts=12).action is Action.CONTINUE
    assert review(*range(10), rollouts=12).reason == "10 of 12 rollouts have finished"


def test_fourteen_of_sixteen_rollouts_are_enough() -> None:
    assert review(*range(13)).action is Action.CONTINUE
    assert review(*range(14)).action is Action.STOP


def test_five_sixths_written_in_decimals_is_still_ten_of_twelve() -> None:
    assert enough_finished(0.8333333)(progress(*range(10), running=2)) is not None


def test_rollouts_that_wait_for_their_turn_count_as_unfinished() -> None:
    assert enough_finished(0.5)(progress(1, 2, 3, running=1, waiting=4)) is None


def test_stragglers_are_waited_for_while_no_rollout_has_answered() -> None:
    assert review(*[None] * 15).action is Action.CONTINUE


def test_a_leader_that_cannot_be_caught_ends_it() -> None:
    assert cannot_be_caught(progress(7, 7, 7, 5, running=1)) == "7 cannot be caught"


def test_a_leader_that_could_be_tied_goes_on() -> None:
    assert cannot_be_caught(progress(7, 7, 5, running=1)) is None
    assert cannot_be_caught(progress(7, 7, running=1, waiting=1)) is None


@given(st.lists(st.one_of(st.none(), st.integers(0, 2)), max_size=10), st.lists(st.integers(0, 2), max_size=6))
def test_cannot_be_caught_is_lossless(answers: list[int | None], late: list[int]) -> None:
    so_far = progress(*answers, running=len(late))
    if cannot_be_caught(so_far) is not None:
        assert progress(*answers, *late).votes.most_common(1)[0][0] == so_far.votes.most_common(1)[0][0]


def test_nothing_finished_goes_on() -> None:
    assert review() == Decision(Action.CONTINUE)


def test_without_early_stop_nothing_stops() -> None:
    assert review(*[1] * 15, policy=AdjustedPolicy(POLICY, early_stop=False)).action is Action.CONTINUE


def test_each_rule_can_be_turned_off() -> None:
    assert agreement(0, 5)(progress(1, 1, 1, 1, 1, running=9)) is None
    assert enough_finished(1.0)(progress(1, 2, 3, running=0)) is None


# Settings


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"rollouts": 0}, r"policy\.settings\.rollouts must be greater than 0, got 0"),
        ({"concurrent": -1}, "concurrent must be greater than 0, got -1"),
        ({"base_seconds": 0.0}, "base_seconds must be greater than 0, got 0.0"),
        ({"base_seconds": math.nan}, "base_seconds must be a finite number, got nan"),
        ({"base_seconds": math.inf}, "base_seconds must be a finite number, got inf"),
        ({"buffer_seconds": -1.0}, "buffer_seconds must be greater than or equal to 0, got -1.0"),
        ({"buffer_seconds": math.nan}, "buffer_seconds must be a finite number, got nan"),
        ({"finished_share": 0.0}, "finished_share must be greater than 0, got 0.0"),
        ({"finished_share": 1.5}, "finished_share must be less than or equal to 1, got 1.5"),
        ({"finished_share": math.nan}, "finished_share must be .*, got nan"),
        ({"agree": 6}, r"agree must be in 0\.\.agree_first \(5\), got 6"),
        ({"agree": -1}, "agree must be greater than or equal to 0, got -1"),
        ({"rollouts": 16.0}, "rollouts must be a valid integer, got 16.0"),
        ({"rollouts": True}, "rollouts must be a valid integer, got True"),
        ({"base_seconds": "350"}, "base_seconds must be a valid number, got '350'"),
        (
            {"rolouts": 16},
            r"mine\.toml: policy\.settings: policy nemoskills has no setting 'rolouts'; it has rollouts, concurrent",
        ),
    ],
)
def test_bad_settings_are_refused_in_a_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        own_settings("nemoskills", settings)


def test_whole_seconds_are_seconds() -> None:
    assert make_policy(own_settings("nemoskills", {"base_seconds": 350})) == POLICY


def test_an_unknown_policy_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"policy\.name must be one of fixed, numina, nemoskills, .*, got 'greedy'"):
        own_settings("greedy")
