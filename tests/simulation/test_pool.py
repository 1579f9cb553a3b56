"""Pools: what is read, what is left out and reported, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aimo_solver.errors import InputError
from aimo_solver.problems.problem import ANY_INTEGER, AnswerRule
from aimo_solver.simulation.pool import Pool, Sample, load_pool
from tests.helpers.contests import AIMO3


def sample(answer: object = "42", **other: Any) -> dict[str, Any]:
    return {"answer": answer, "tokens": 100} | other


def load(folder: Path, *rows: object, rule: AnswerRule = ANY_INTEGER) -> Pool:
    path = folder / "mine.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return load_pool(path, rule)


def row(*samples: object, id: str = "a", gold: object = "42") -> dict[str, object]:
    return {"id": id, "gold": gold, "samples": list(samples)}


def test_samples_are_read_in_their_order(tmp_path: Path) -> None:
    pool = load(tmp_path, row(sample(), sample(None, tokens=7)))
    assert pool.problems[0].samples == (Sample(42, 100), Sample(None, 7))
    assert pool.rollout_tokens == 53.5


def test_an_answer_that_is_not_an_integer_casts_no_vote(tmp_path: Path) -> None:
    pool = load(tmp_path, row(sample("x+1"), sample("2.5"), sample(True), sample(-3)), rule=AIMO3)
    assert [one.answer for one in pool.problems[0].samples] == [None] * 4


def test_golds_outside_the_rule_are_left_out_and_reported(tmp_path: Path) -> None:
    pool = load(tmp_path, row(sample(), id="a"), row(sample(), id="b", gold=100_000), rule=AIMO3)
    assert (len(pool.problems), pool.notes) == (
        1,
        ("1 problems left out: their gold answers are outside the rule aimo3",),
    )


def test_missing_token_counts_are_estimated_from_characters_and_reported(tmp_path: Path) -> None:
    pool = load(tmp_path, row(sample(tokens=None, chars=400)))
    assert pool.problems[0].samples[0].tokens == 100
    assert pool.notes == ("1 samples without a token count: taken as characters / 4",)


def test_a_second_round_depends_on_the_first_and_is_left_out(tmp_path: Path) -> None:
    pool = load(tmp_path, row(sample(), sample(round=2)))
    assert len(pool.problems[0].samples) == 1
    assert "later rounds" in pool.notes[0]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"id": "a", "gold": 1}, "line 1: samples must be a list of logged rollouts; without them it is not a pool"),
        (row(), "samples must be a list"),
        ({"gold": 1, "samples": [sample()]}, "id must be a non-empty string, got None"),
        (row(sample(), gold="x"), "gold must be an integer, got 'x'"),
        (row({"tokens": 5}), "sample 1: must have an answer"),
        (row(sample(), sample(time_s=-1.0)), r"sample 2: time_s must be 0 or more, got -1\.0"),
        (row({"answer": "1"}), "sample 1: tokens must be 0 or more"),
        (row(sample(tokens=-5)), "tokens must be 0 or more"),
        ("{", "line 1: not JSON"),
        ("", "holds no problem"),
    ],
)
def test_a_bad_line_is_named_with_its_fault(tmp_path: Path, bad: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        load(tmp_path, bad)


def test_an_id_used_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2: id 'a' is used twice"):
        load(tmp_path, row(sample()), row(sample()))


def test_a_sample_of_unknown_length_is_left_out_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "pool.jsonl"
    path.write_text(json.dumps(row(sample(), sample(tokens=None, chars=None))) + "\n")
    pool = load_pool(path, AIMO3)
    assert [len(problem.samples) for problem in pool.problems] == [1]
    assert pool.notes == ("1 samples left out: their length is not known",)


def test_integers_that_pandas_wrote_as_floats_are_answers(tmp_path: Path) -> None:
    pool = load(tmp_path, row(sample(42.0), sample(41.5), sample("none")))
    assert [one.answer for one in pool.problems[0].samples] == [42, None, None]
    assert pool.notes == ("2 samples whose answers are not integers: they cast no vote",)
