"""The peers' policies and ours: what they grant, when they review again, when they stop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.config.names import PolicyName, StoppingRuleName
from aimo_solver.config.policy_settings import FixedSettings
from aimo_solver.errors import InputError
from aimo_solver.policies.adaptive import AdaptivePolicy
from aimo_solver.policies.adjusted import AdjustedPolicy
from aimo_solver.policies.aimo3_public import Aimo3PublicPolicy
from aimo_solver.policies.factory import make_policy
from aimo_solver.policies.fixed import FixedPolicy
from aimo_solver.policies.imagination import ImaginationPolicy
from aimo_solver.policies.ledger import Ledger, Spend
from aimo_solver.policies.numina import NuminaPolicy
from aimo_solver.policies.policy import Action, Grant, Progress, ScalablePolicy
from aimo_solver.policies.speed_table import SpeedTable, Workload
from aimo_solver.policies.stopping import STOPPING_RULES
from tests.helpers.own_settings import own_settings
from tests.helpers.progress import progress as made_progress

AMPLE = Ledger(0.0, 1e6, problems_left=50)
EVEN = Workload(100.0, SpeedTable("even", streams=(1,), tokens_per_second=(1.0,), sources=("a unit",)))
"""A mean rollout takes 100 s, however many run."""


def progress(now: float, *answers: int | None, running: int = 8) -> Progress:
    return made_progress(*answers, now=now, deadline=1000.0, running=running)


# Peers


def test_fixed_shares_what_is_left_equally() -> None:
    ledger = Ledger(0.0, 1000.0, problems_left=10).charge(Spend(1, 10.0))
    assert FixedPolicy().grant(ledger, 10.0) == Grant(110.0, 8, 8)


@pytest.mark.parametrize("rule", StoppingRuleName)
def test_fixed_stops_by_any_rule(rule: StoppingRuleName) -> None:
    unanimous = progress(10.0, *[7] * 14, running=2)
    assert (
        FixedPolicy(FixedSettings(rollouts=16, concurrent=16, stop=rule)).review(unanimous, AMPLE).action is Action.STOP
    )
    assert (
        FixedPolicy(FixedSettings(rollouts=16, concurrent=16, stop=rule))
        .review(progress(10.0, running=16), AMPLE)
        .action
        is Action.CONTINUE
    )


def test_fixed_refuses_a_rule_it_does_not_know() -> None:
    with pytest.raises(InputError, match=r"stop must be one of cannot-be-caught, .*, got 'hope'"):
        own_settings("fixed", {"stop": "hope"})


def test_fixed_takes_an_empty_rule_for_none() -> None:
    assert own_settings("fixed", {"stop": ""}) == FixedSettings()


def test_every_stopping_rule_has_a_name_and_every_name_a_rule() -> None:
    assert list(STOPPING_RULES) == list(StoppingRuleName)


def test_numina_never_stops_early() -> None:
    assert NuminaPolicy().grant(AMPLE, 0.0).rollouts == 48
    assert NuminaPolicy().review(progress(10.0, *[1] * 40), AMPLE).action is Action.CONTINUE


@pytest.mark.parametrize(("answers", "cap"), [(0, 660.0), (2, 660.0), (3, 600.0), (5, 540.0), (6, 480.0)])
def test_imagination_caps_a_problem_by_its_answers_so_far(answers: int, cap: float) -> None:
    policy, different = ImaginationPolicy(), range(answers)
    decision = policy.review(progress(cap - 1.0, *different, running=16), AMPLE)
    assert (decision.action, decision.review_at) == (Action.CONTINUE, cap)
    assert policy.review(progress(cap, *different, running=16), AMPLE).action is Action.STOP


def test_imagination_shifts_gears_after_question_30() -> None:
    policy = ImaginationPolicy()
    for seconds, rollouts in ((29 * 360.0, 15), (31 * 360.0, 10), (31 * 100.0, 17)):
        problems = 29 if seconds == 29 * 360.0 else 31
        slow = 1.6 if rollouts == 10 else 1.0
        ledger = Ledger(0.0, 18_000.0, problems_left=50).charge(Spend(problems, seconds * slow))
        assert policy.grant(ledger, seconds * slow).rollouts == rollouts


@pytest.mark.parametrize(
    ("left", "problems", "seconds"), [(17_400.0, 50, 900.0), (3000.0, 10, 300.0), (800.0, 2, 500.0), (120.0, 1, 120.0)]
)
def test_aimo3_public_keeps_300_s_for_each_problem_to_come(left: float, problems: int, seconds: float) -> None:
    assert Aimo3PublicPolicy().grant(Ledger(0.0, left, problems_left=problems), 0.0).seconds == seconds


def test_aimo3_public_stops_at_any_four_equal_answers() -> None:
    assert Aimo3PublicPolicy().review(progress(10.0, 1, 2, 1, 3, 1, 1), AMPLE).action is Action.STOP


@pytest.mark.parametrize("name", ["nemoskills", "imagination", "aimo3-public"])
def test_peers_seconds_scale_together(name: str) -> None:
    policy = make_policy(own_settings(name))
    assert isinstance(policy, ScalablePolicy)
    scaled = policy.scaled(0.5)
    assert scaled.grant(AMPLE, 0.0).seconds == pytest.approx(0.5 * policy.grant(AMPLE, 0.0).seconds)


# Ours


def adaptive() -> AdaptivePolicy:
    return AdaptivePolicy(EVEN)


def contest(share: float) -> Ledger:
    return Ledger(0.0, 50 * share, problems_left=50)


def test_a_sure_leader_stops_sooner_the_longer_it_takes() -> None:
    policy, ledger = adaptive(), contest(100.0)
    early = policy.review(progress(1.0, 7, 7), ledger)
    assert early.action is Action.CONTINUE
    # doubt(2, 0) = 1/8 of the share, against a pressure of 0.1.
    assert early.review_at == pytest.approx(100.0 / 8 / 0.1)
    assert policy.review(progress(early.review_at or 0.0, 7, 7), ledger).action is Action.STOP


@given(st.integers(1, 8), st.integers(0, 8))
def test_a_vote_against_the_leader_postpones_the_stop(votes: int, against: int) -> None:
    answers = [1] * (votes + against + 1) + [2] * against
    surer = adaptive().review(progress(0.0, *answers, running=30), contest(100.0)).review_at
    doubtful = adaptive().review(progress(0.0, *answers, 2, running=30), contest(100.0)).review_at
    assert surer is not None and doubtful is not None and surer < doubtful


def test_less_time_left_makes_it_stop_sooner() -> None:
    stops = [adaptive().review(progress(0.0, 7, 7), contest(share)).review_at or 0.0 for share in (50, 100, 200)]
    assert stops == sorted(stops)


def test_no_answer_leads_before_the_first_vote() -> None:
    decision = adaptive().review(progress(90.0, None), contest(100.0))
    assert (decision.action, decision.review_at) == (Action.CONTINUE, None)


def test_width_follows_the_time_left() -> None:
    slower = SpeedTable("slower", streams=(1, 12), tokens_per_second=(1.0, 0.5), sources=("a", "b"))
    policy = AdaptivePolicy(Workload(100.0, slower))
    assert [policy.grant(contest(share), 0.0).rollouts for share in (60.0, 110.0, 150.0, 400.0)] == [3, 5, 8, 16]


def test_no_problem_takes_more_than_four_shares_nor_what_is_kept_for_the_others() -> None:
    assert adaptive().grant(contest(100.0), 0.0).seconds == 400.0
    late = Ledger(0.0, 1000.0, problems_left=10).charge(Spend(8, 700.0))
    assert adaptive().grant(late, 700.0).seconds == pytest.approx(250.0)


def test_lengths_and_speeds_are_learnt_from_the_run() -> None:
    policy, fresh = adaptive(), contest(100.0)
    longer = fresh.charge(Spend(1, 100.0, tokens=80_000, ended=400, stream_seconds=80_000.0))
    slower = fresh.charge(Spend(1, 100.0, tokens=8_000, ended=80, stream_seconds=16_000.0))
    assert policy.mean_seconds(fresh, 6) == pytest.approx(100.0)
    assert policy.mean_seconds(longer, 6) == pytest.approx(200.0, rel=0.02)
    assert policy.mean_seconds(slower, 6) == pytest.approx(200.0, rel=0.1)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"narrow": 5, "width": 4}, "policy.settings: narrow, width and wide must not decrease"),
        ({"risk": 0.0}, "policy.settings.risk must be greater than 0, got 0.0"),
        ({"kept_share": 1.5}, "kept_share must be less than or equal to 1"),
        ({"rollout_tokens": -1.0}, "rollout_tokens must be greater than 0"),
        ({"speed_table": "a100"}, "speed table must be one of"),
        ({"speed": 1.0}, "no setting 'speed'; it has narrow, .*rollout_tokens, speed_table"),
    ],
)
def test_bad_settings_are_refused_in_a_sentence(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        make_policy(own_settings("adaptive", settings))


# All of them


@pytest.mark.parametrize("name", [name for name in PolicyName if name is not PolicyName.TABLE])  # It needs a file.
@given(
    left=st.floats(0.0, 20_000.0),
    total=st.floats(1.0, 20_000.0),
    problems=st.one_of(st.none(), st.integers(1, 100)),
    done=st.integers(0, 60),
)
def test_no_grant_exceeds_what_is_left(name: str, left: float, total: float, problems: int | None, done: int) -> None:
    now = max(0.0, total - left)
    ledger = Ledger(
        0.0,
        total,
        problems_left=problems,
        spent=Spend(done, now, tokens=1000 * done, ended=10 * done, stream_seconds=5 * now),
    )
    grant = make_policy(own_settings(name)).grant(ledger, now)
    assert 0 <= grant.seconds <= ledger.left_seconds(now)
    assert 1 <= grant.concurrent <= grant.rollouts


def test_an_adjusted_policy_changes_only_what_is_given() -> None:
    policy = AdjustedPolicy(FixedPolicy(), rollouts=24, max_rollouts=10)
    assert policy.grant(AMPLE, 0.0) == Grant(FixedPolicy().grant(AMPLE, 0.0).seconds, 10, 10)
    with pytest.raises(InputError, match="rollouts must be at least 1, got 0"):
        AdjustedPolicy(FixedPolicy(), rollouts=0)
