"""Speed tables measured on an engine whose speed is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimo_solver.engine.scripted import Reply, ScriptedEngine
from aimo_solver.errors import InputError
from aimo_solver.policies.speed_table import SpeedTable, load_speed_table
from aimo_solver.simulation.engine_profile import profile_engine, speed_table_toml
from aimo_solver.simulation.virtual_clock import run_virtual


def profile(seconds: float) -> SpeedTable:
    async def story() -> SpeedTable:
        # 79 tokens and an end of turn, 8 every tenth of a second.
        engine = ScriptedEngine(lambda prompt, sampling: Reply("x" * 79))
        await engine.start()
        table = await profile_engine(engine, engine.tokenizer.encode("go"), (1, 4), seconds, "mine", "measured")
        assert not engine.active_requests
        return table

    return run_virtual(story())


def test_a_stream_is_as_fast_as_the_engine_makes_tokens() -> None:
    table = profile(10.0)
    assert table.streams == (1, 4)
    assert table.tokens_per_second == pytest.approx((80.0, 80.0), rel=0.02)


def test_no_time_is_refused() -> None:
    with pytest.raises(InputError, match="seconds must be positive, got 0"):
        profile(0.0)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    table = SpeedTable("mine", (1, 4), (80.0, 61.5), ('a "quoted" source', "b"))
    (tmp_path / "mine.toml").write_text(speed_table_toml(table))
    assert load_speed_table(str(tmp_path / "mine.toml")) == table
