"""The GPU benchmark: its table, what it reads in vLLM's log, its shapes; and every measurement on a tiny model."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from aimo_solver.engine.checkpoint import check_checkpoint
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.errors import InputError
from aimo_solver.utils.paths import PROJECT
from bench.gpu.bench import GpuBench, cut_off_start
from bench.gpu.log import read_log
from bench.gpu.plans import PLANS, TINY_PLAN
from bench.gpu.shapes import QWEN_7B
from bench.gpu.table import GpuTable, Row

MACHINE = {"card": "NVIDIA T0", "date": "2026-11-27"}
LOG = """
2026-11-27 INFO vllm Using FLASH_ATTN attention backend out of potential backends: ['FLASH_ATTN', 'TRITON_ATTN'].
2026-11-27 INFO vllm Model loading took 14.25 GiB memory and 3.500000 seconds
2026-11-27 INFO vllm GPU KV cache size: 1,029,376 tokens
2026-11-27 INFO vllm Graph capturing finished in 7 secs, took 0.61 GiB
2026-11-27 INFO vllm init engine (profile, create kv cache, warmup model) took 30.25 s (compilation: 12.00 s)
"""


def table(folder: Path, machine: dict[str, str] = MACHINE) -> GpuTable:
    return GpuTable(folder, machine, Console(quiet=True))


def test_a_table_is_written_row_by_row_and_resumed_on_another_day(tmp_path: Path) -> None:
    table(tmp_path).add(Row("7B", "speed at 8", "100 tokens/s", values={"streams": 8}))
    again = table(tmp_path, MACHINE | {"date": "2026-11-28"})
    assert again.has("7B", "speed at 8") and not again.has("7B", "speed at 16")
    assert "| 7B | speed at 8 | 100 tokens/s |" in (tmp_path / "gpu.md").read_text()


def test_a_failed_row_is_measured_again_and_replaced(tmp_path: Path) -> None:
    rows = table(tmp_path)
    rows.add(Row("7B", "start", "failed: no memory", failed=True))
    assert not rows.has("7B", "start")
    rows.add(Row("7B", "start", "12 s"))
    assert [row["figure"] for row in json.loads((tmp_path / "gpu.json").read_text())["rows"]] == ["12 s"]


def test_another_machines_table_is_refused(tmp_path: Path) -> None:
    table(tmp_path).add(Row("7B", "start", "12 s"))
    with pytest.raises(InputError, match="NVIDIA T0"):
        table(tmp_path, MACHINE | {"card": "NVIDIA T1"})


def test_a_figure_cannot_break_its_row(tmp_path: Path) -> None:
    rows = table(tmp_path)
    rows.add(Row("7B", "start", "failed: a | b\nc"))
    assert "| failed: a \\| b c |" in rows.markdown()


def test_the_parts_of_a_start_are_read_from_the_log() -> None:
    assert read_log(LOG) == {
        "weights_gib": 14.25,
        "weights_seconds": 3.5,
        "profile_seconds": 30.25,
        "graphs_seconds": 7.0,
        "graphs_gib": 0.61,
        "kv_cache_tokens": 1_029_376,
        "attention": "FLASH_ATTN",
    }


def test_the_log_of_vllms_second_model_runner_is_read_too() -> None:
    log = "INFO vllm Using V2 Model Runner\nINFO vllm Model loading took 0.5 GiB and 2.126192 seconds\n"
    assert read_log(log) == {"weights_gib": 0.5, "weights_seconds": 2.126192, "runner": "V2"}


def test_every_token_of_a_shape_has_a_text(tmp_path: Path) -> None:
    folder = QWEN_7B.write(tmp_path / "shape")
    check_checkpoint(folder)
    tokenizer = HfTokenizer(folder)
    assert all(tokenizer.decode([token_id]) for token_id in (2048, 100_000, 152_063))
    assert tokenizer.encode("Find $x$.") == HfTokenizer(QWEN_7B.write(tmp_path / "again")).encode("Find $x$.")


def test_no_two_models_have_the_same_name() -> None:
    names = [plan.shape.name for plan in PLANS]
    assert len(set(names)) == len(names)


def test_a_start_that_is_cut_off_leaves_what_its_log_says() -> None:
    row = cut_off_start("7B", LOG)
    assert row.failed and row.values["weights_gib"] == 14.25


def test_it_runs_alone_without_what_only_other_benchmarks_need() -> None:
    code = "import sys, bench.gpu.__main__; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0


@pytest.mark.restarts
def test_every_measurement_succeeds_on_a_tiny_model(tmp_path: Path) -> None:
    pytest.importorskip("vllm")
    rows = table(tmp_path)

    async def measure() -> None:
        ends_at = asyncio.get_running_loop().time() + 600.0
        bench = GpuBench(table=rows, folder=tmp_path, has_gpu=False, ends_at=ends_at, console=Console())
        await bench.measure_shape(TINY_PLAN)

    asyncio.run(measure())
    assert [row.measured for row in rows.rows] == list(TINY_PLAN.measures)
    assert [row.figure for row in rows.rows if row.failed] == []
