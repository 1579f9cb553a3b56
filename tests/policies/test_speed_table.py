"""Workloads and speed tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.config.shipped import SPEED_TABLES
from aimo_solver.errors import InputError
from aimo_solver.policies.speed_table import SpeedTable, Workload, load_speed_table

TABLE = SpeedTable("t", streams=(1, 11), tokens_per_second=(100.0, 50.0), sources=("a", "b"))


def test_seconds_per_token_grow_linearly_between_rows() -> None:
    assert TABLE.token_seconds(6) == pytest.approx(0.015)
    assert TABLE.per_stream(11) == pytest.approx(50.0)


def test_seconds_per_token_grow_beyond_the_last_row_as_before_it() -> None:
    assert TABLE.token_seconds(21) == pytest.approx(0.03)


def test_fewer_streams_than_the_first_row_are_as_fast_as_it() -> None:
    assert TABLE.per_stream(0.5) == 100.0


def test_a_single_row_is_the_speed_of_any_number_of_streams() -> None:
    assert SpeedTable("t", streams=(4,), tokens_per_second=(20.0,), sources=("a",)).per_stream(40) == 20.0


@given(st.floats(0.1, 1000))
def test_a_speed_is_never_zero_even_when_the_rows_speed_up(streams: float) -> None:
    table = SpeedTable("t", streams=(1, 2, 3), tokens_per_second=(10.0, 20.0, 40.0), sources=("a", "b", "c"))
    assert table.per_stream(streams) > 0


def test_a_mean_rollout_takes_its_tokens_at_that_speed() -> None:
    assert Workload(1000.0, TABLE).seconds(11) == pytest.approx(20.0)


@pytest.mark.parametrize("name", sorted(path.stem for path in SPEED_TABLES.glob("*.toml")))
def test_every_shipped_row_names_its_source(name: str) -> None:
    assert all(load_speed_table(name).sources)


@pytest.mark.parametrize("name", sorted(path.stem for path in SPEED_TABLES.glob("h200-*.toml")))
def test_measured_rows_name_card_engine_version_and_weights(name: str) -> None:
    for source in load_speed_table(name).sources:
        assert all(words in source for words in ("NVIDIA H200", "vLLM 0.24.0", "dummy weights"))


def test_bad_tables_are_refused_in_a_sentence(tmp_path: Path) -> None:
    for text, sentence in (
        ("", "must be equally long"),
        ("[[row]]\nstreams = 1\nsource = 'x'\n", "every \\[\\[row\\]\\] must have"),
        ("[[row]]\nstreams = 1\ntokens_per_second = 0\nsource = 'x'\n", "tokens_per_second must be positive"),
        ("[[row]\n", "not a TOML file"),
    ):
        (tmp_path / "mine.toml").write_text(text)
        with pytest.raises(InputError, match=sentence):
            load_speed_table(str(tmp_path / "mine.toml"))
    with pytest.raises(
        InputError, match="speed table must be one of demo, h100, h200-7b-bf16, h200-7b-fp8, l4x4, t4x2"
    ):
        load_speed_table("a100")
