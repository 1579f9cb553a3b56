"""Seeds: one for every place, and always the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.rollouts.seeds import rollout_seed, selection_seed, turn_seed

places = st.tuples(st.integers(0, 99), st.integers(0, 9), st.text(max_size=8), st.integers(0, 99))


def seed_of(base_seed: int, run: int, problem_id: str, rollout: int) -> int:
    return rollout_seed(base_seed=base_seed, run=run, problem_id=problem_id, rollout=rollout)


@given(st.sets(places, max_size=20))
def test_every_place_has_a_seed_of_its_own(taken: set[tuple[int, int, str, int]]) -> None:
    assert len({seed_of(*place) for place in taken}) == len(taken)


@given(st.sets(places, max_size=20))
def test_a_selection_has_a_seed_that_no_rollout_has(taken: set[tuple[int, int, str, int]]) -> None:
    assert not {seed_of(*place) for place in taken} & {selection_seed(*place[:3]) for place in taken}


@given(places)
def test_seeds_are_ones_that_numpy_and_vllm_take(place: tuple[int, int, str, int]) -> None:
    assert 0 <= seed_of(*place) < 2**31


@given(st.integers(0, 2**31 - 1))
def test_no_two_turns_of_a_rollout_share_a_seed(seed: int) -> None:
    seeds = [turn_seed(seed, turn) for turn in range(40)]
    assert len(set(seeds)) == 40
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_the_first_turn_has_the_rollouts_seed() -> None:
    assert turn_seed(12345, 0) == 12345


def test_seeds_never_change() -> None:
    """Logged runs are replayed with these seeds: the figures must stay."""
    assert (seed_of(0, 0, "p1", 0), seed_of(1, 2, "π", 3)) == (831542586, 1284263902)
    assert turn_seed(12345, 3) == 1520868684
