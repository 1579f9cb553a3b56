"""Stop tables: what is learnt, what the policy makes of it, and files that are none."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.errors import InputError
from aimo_solver.policies.adaptive import AdaptivePolicy
from aimo_solver.policies.factory import make_policy
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Action, Progress
from aimo_solver.policies.speed_table import SpeedTable, Workload
from aimo_solver.policies.stop_table import NO_ROW, UNSEEN, StopTable, load_stop_table, write_stop_table
from aimo_solver.policies.stopping import doubt
from aimo_solver.policies.table import TablePolicy
from aimo_solver.simulation.optimal_stopping import solve_optimal_stopping
from aimo_solver.simulation.pool import Pool, PoolProblem, Sample
from aimo_solver.simulation.rollout_groups import draw_groups
from aimo_solver.simulation.stop_table_learning import FOLDS, learn_stop_table, learn_stop_table_for_fold
from tests.helpers.own_settings import own_settings
from tests.helpers.progress import progress as made_progress

SPEEDS = SpeedTable("even", streams=(1,), tokens_per_second=(100.0,), sources=("a test",))
# u is 10 s. A share of 20 s or less: two rollouts, stopped at 1-0-1 from 10 s on. More: four.
TABLE = StopTable(
    shares=(2.0,),
    widths=(2, 4),
    step=0.5,
    stop_up_to={2: {"-": (-1, -1, -1), "1-0-1": (-1, -1, 0)}, 4: {"-": (-1, -1, UNSEEN), "2-0-2": (-1, 1, 1)}},
)
POLICY = TablePolicy(TABLE, AdaptivePolicy(Workload(1000.0, SPEEDS)))


def progress(now: float, *answers: int | None, running: int = 1) -> Progress:
    return made_progress(*answers, now=now, deadline=1000.0, running=running)


def ledger(share_seconds: float) -> Ledger:
    return Ledger(0.0, 10 * share_seconds, problems_left=10)


def pool(*kinds: tuple[int, ...]) -> Pool:
    """One problem per kind, with these answers of its samples. The gold answer is 1; later samples are longer."""
    problems = [
        PoolProblem(str(place), 1, tuple(Sample(answer, 500 + 100 * length) for length, answer in enumerate(answers)))
        for place, answers in enumerate(kinds)
    ]
    return Pool("made", tuple(problems))


def test_width_follows_the_share() -> None:
    assert POLICY.grant(ledger(15.0), 0.0).rollouts == 2
    assert POLICY.grant(ledger(25.0), 0.0).rollouts == 4


def test_the_next_review_is_when_the_table_stops() -> None:
    decision = POLICY.review(progress(6.0, 7), ledger(15.0))
    assert (decision.action, decision.review_at) == (Action.CONTINUE, 10.0)
    assert POLICY.review(progress(10.0, 7), ledger(15.0)).action is Action.STOP


def test_in_a_state_of_no_group_the_adaptive_policy_decides() -> None:
    for now, answers in ((10.0, ()), (6.0, (7, 8, 9))):
        seen = progress(now, *answers)
        assert POLICY.review(seen, ledger(25.0)) == POLICY.adaptive.review(seen, ledger(25.0))


def test_a_vote_that_cannot_be_caught_stops_whatever_the_table_says() -> None:
    assert POLICY.review(progress(1.0, 7, 7, running=1), ledger(25.0)).action is Action.STOP


@given(left=st.floats(0.0, 20_000.0), problems=st.one_of(st.none(), st.integers(1, 100)))
def test_no_grant_exceeds_what_is_left(left: float, problems: int | None) -> None:
    grant = POLICY.grant(Ledger(0.0, 20_000.0, problems_left=problems), 20_000.0 - left)
    assert 0 <= grant.seconds <= left
    assert grant.rollouts in TABLE.widths


@given(st.integers(0, 1), st.sampled_from(("-", "1-0-1", "2-0-2")), st.floats(0, 3))
def test_the_moment_named_is_one_at_which_something_changes(row: int, state: str, moment: float) -> None:
    try:
        stop, later = TABLE.review(row, state, moment)
    except KeyError:
        return
    assert stop is False or later is None
    if later is not None:
        assert later > moment
        with contextlib.suppress(KeyError):
            assert TABLE.review(row, state, later)[0]


def test_a_vote_that_never_changes_is_stopped_at_its_first_answer_when_time_is_expensive() -> None:
    table = learn_stop_table(pool(*[(1,) * 12] * 8), SPEEDS)
    width = table.widths[0]
    assert next(row for row in table.stop_up_to[width]["1-0-1"] if row != UNSEEN) > NO_ROW


def test_more_time_never_means_fewer_rollouts_where_votes_help() -> None:
    table = learn_stop_table(pool(*[(1, 2, 1, 3, 1, 4, 1, 5, 1, 6, 1, 7)] * 6), SPEEDS)
    assert list(table.shares) == sorted(table.shares)
    assert table.widths[0] <= table.widths[-1]


def test_a_fold_learns_nothing_from_its_own_problems() -> None:
    kinds = [(1,) * 6] * (2 * FOLDS)
    changed = list(kinds)
    changed[0] = changed[FOLDS] = (9,) * 6
    assert learn_stop_table_for_fold(pool(*kinds), 0, SPEEDS) == learn_stop_table_for_fold(pool(*changed), 0, SPEEDS)
    assert learn_stop_table_for_fold(pool(*kinds), 1, SPEEDS) != learn_stop_table_for_fold(pool(*changed), 1, SPEEDS)


def test_more_expensive_time_is_never_worth_more() -> None:
    groups = draw_groups(
        pool((1, 2, 1, 1, 3, 1), (2, 1, 2, 2, 1, 2)),
        width=4,
        groups_per_problem=50,
        speeds=SPEEDS,
        rng=np.random.default_rng(0),
    )
    moments, prices = np.linspace(0.0, 20.0, 41), np.array([0.0, 0.01, 0.1])
    values = solve_optimal_stopping(groups, prices=prices, moments=moments).values
    assert values[0] >= values[1] >= values[2] >= 0.0


def test_a_prior_draws_a_states_worth_to_the_votes_own_belief() -> None:
    # Always right, but one vote to none is believed no further than 1 - doubt(1, 0).
    groups = draw_groups(pool((1, 1)), width=2, groups_per_problem=10, speeds=SPEEDS, rng=np.random.default_rng(0))
    moments, dear = np.linspace(0.0, 20.0, 201), np.array([0.0, 1e6])
    believed = solve_optimal_stopping(groups, prices=dear, moments=moments, prior_groups=1e9).values[0]
    assert believed == pytest.approx(1 - doubt(2, 0), abs=1e-3)
    assert solve_optimal_stopping(groups, prices=dear, moments=moments).values[0] == pytest.approx(1.0)


def test_a_table_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write_stop_table(TABLE, tmp_path / "table.json")
    assert load_stop_table(str(tmp_path / "table.json")) == TABLE
    policy = make_policy(own_settings("table", {"file": str(tmp_path / "table.json"), "cap_shares": 3.0}))
    assert isinstance(policy, TablePolicy)
    assert (policy.table, policy.adaptive.settings.cap_shares) == (TABLE, 3.0)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"shares": [1], "widths": [2], "step": 1, "stop_up_to": {}}'])
def test_a_file_that_is_no_table_is_refused_in_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "table.json").write_text(content)
    with pytest.raises(InputError, match=r"table\.json.*learn-table") as caught:
        load_stop_table(str(tmp_path / "table.json"))
    assert "\n" not in str(caught.value)


def test_the_policy_without_a_file_says_what_it_needs() -> None:
    with pytest.raises(InputError, match="needs the setting file"):
        own_settings("table")


def test_a_table_without_states_for_a_width_is_refused(tmp_path: Path) -> None:
    write_stop_table(replace(TABLE, widths=(2, 8)), tmp_path / "table.json")
    assert 8 not in json.loads((tmp_path / "table.json").read_text())["stop_up_to"]
    with pytest.raises(InputError, match="do not match"):
        load_stop_table(str(tmp_path / "table.json"))


def test_a_shipped_table_is_found_by_name() -> None:
    policy = make_policy(own_settings("table", {"file": "Demo", "rollout_tokens": 73.0, "speed_table": "demo"}))
    assert isinstance(policy, TablePolicy)
    with pytest.raises(InputError, match=r"table must be one of demo, or a \.json file, got 'none'"):
        make_policy(own_settings("table", {"file": "none"}))
