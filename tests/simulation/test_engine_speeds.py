"""Speed tables measured on an engine whose speed is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimo_solver.engine.scripted import Reply, ScriptedEngine
from aimo_solver.errors import InputError
from aimo_solver.policies.speed_table import SpeedTable, load_speed_table
from aimo_solver.simulation.engine_speeds import measure_engine_speeds, speed_table_toml
from aimo_solver.simulation.virtual_clock import run_virtual


def measure(seconds: float) -> SpeedTable:
    async def scenario() -> SpeedTable:
        # 79 tokens and an end of turn, 8 every tenth of a second.
        engine = ScriptedEngine(lambda prompt, sampling: Reply("x" * 79))
        await engine.start()
        table = await measure_engine_speeds(
            engine,
            prompt_token_ids=engine.tokenizer.encode("go"),
            streams=(1, 4),
            seconds=seconds,
            name="mine",
            source="measured",
        )
        assert not engine.active_requests
        return table

    return run_virtual(scenario())


def test_a_stream_is_as_fast_as_the_engine_makes_tokens() -> None:
    table = measure(10.0)
    assert table.streams == (1, 4)
    assert table.tokens_per_second == pytest.approx((80.0, 80.0), rel=0.02)


def test_zero_seconds_are_refused() -> None:
    with pytest.raises(InputError, match="seconds must be positive, got 0"):
        measure(0.0)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    table = SpeedTable("mine", streams=(1, 4), tokens_per_second=(80.0, 61.5), sources=('a "quoted" source', "b"))
    (tmp_path / "mine.toml").write_text(speed_table_toml(table))
    assert load_speed_table(str(tmp_path / "mine.toml")) == table
