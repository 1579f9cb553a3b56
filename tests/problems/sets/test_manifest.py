"""Manifests, and whether a set is the one its manifest describes."""

from __future__ import annotations

import pytest

from aimo_solver.problems.problem import Problem, answer_rule
from aimo_solver.problems.sets.check import check_set
from aimo_solver.problems.sets.manifest import MANIFESTS, canonical_hash, manifests
from tests.helpers.validation_sets import manifest, problems

NUMINA = {"aime_2022_2024": 90, "amc12_2022_2023_integer": 83, "math_level4_integer": 754, "math_level5_integer": 721}


def test_every_manifest_is_complete() -> None:
    known = manifests()
    assert NUMINA.items() <= {name: m.count for name, m in known.items()}.items()
    for name, one in known.items():
        assert (one.sha256 is None) == (one.unverified is not None), name
        assert answer_rule(one.answer_rule) and one.licence and one.redistribution, name


def test_no_statement_is_in_the_project() -> None:
    assert {path.suffix for path in MANIFESTS.iterdir()} == {".toml", ".jsonl"}
    assert [path.name for path in MANIFESTS.glob("*.jsonl")] == ["demo.jsonl"]
    assert all(path.stat().st_size < 6000 for path in MANIFESTS.glob("*.toml"))


def test_the_hash_is_of_ids_and_answers_in_any_order() -> None:
    rows = problems(1, -2, 10**20)
    assert canonical_hash(rows) == canonical_hash(rows[::-1])
    assert canonical_hash(rows) != canonical_hash(problems(1, 2, 10**20))
    assert canonical_hash([Problem("p0", "other words", 1)]) == canonical_hash(problems(1))


@pytest.mark.parametrize(
    ("golds", "sentence"),
    [
        ((1, 2), "has 2 problems, the manifest says 3"),
        ((1, 2, 4), "some id or answer differs from the manifest"),
        ((1, 2, None), "1 problem without an answer, the first is 'p2'"),
    ],
)
def test_another_set_is_not_taken_for_the_manifests(golds: tuple[int | None, ...], sentence: str) -> None:
    verdict = check_set(manifest(count=3, sha256=canonical_hash(problems(1, 2, 3))), problems(*golds))
    assert not verdict.same and sentence in verdict.text


def test_answers_outside_the_answer_rule_are_reported() -> None:
    verdict = check_set(manifest(answer_rule="aimo3"), problems(1, -2))
    assert not verdict.same and "1 answer outside the rule aimo3, the first is that of 'p1'" in verdict.text


def test_an_unverified_set_is_the_same_as_far_as_it_is_known() -> None:
    verdict = check_set(manifest(count=2, unverified="no copy yet"), problems(1, 2))
    assert verdict.same and "unverified: no copy yet" in verdict.text
