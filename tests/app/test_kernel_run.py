"""The whole way, for real: kernel.py on a few problems, with its engine killed in the middle."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import psutil
import pytest

from aimo_solver.utils.paths import DEMO_MODEL, DEMO_SET

ROOT = Path(__file__).parents[2]
PROBLEMS = 4
HANG_SECONDS = 1800
PRESET = """
[rollout]
max_tokens = 96
flush_seconds = 5.0
[policy]
name = "nemoskills"
rollouts = 4
early_stop = false
[policy.settings]
base_seconds = 900.0
"""

pytestmark = pytest.mark.restarts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with a few problems and a preset of short rollouts."""
    lines = DEMO_SET.read_text(encoding="utf-8").splitlines(keepends=True)[:PROBLEMS]
    (tmp_path / "few.jsonl").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "short.toml").write_text(PRESET, encoding="utf-8")
    return tmp_path


def answered(folder: Path) -> int:
    """How many problems the run folder has answers for."""
    files = list(folder.glob("runs/*/answers.csv"))
    return len(files[0].read_text(encoding="utf-8").splitlines()) - 1 if files else 0


def kill_engine(kernel: psutil.Process) -> None:
    """kill -9 of vLLM's engine process."""
    for child in kernel.children(recursive=True):
        if "EngineCore" in " ".join(child.cmdline()) or "EngineCore" in child.name():
            child.kill()


def test_a_run_survives_the_death_of_its_engine_and_leaves_everything_complete(folder: Path) -> None:
    command = [
        sys.executable,
        str(ROOT / "kernel.py"),
        "few.jsonl",
        "--preset",
        "short.toml",
        "--model",
        str(DEMO_MODEL),
    ]
    process = psutil.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    children: set[psutil.Process] = set()
    killed = False
    begun = time.monotonic()
    while process.poll() is None and time.monotonic() - begun < HANG_SECONDS:
        children |= set(process.children(recursive=True))
        if not killed and answered(folder) >= 1:
            kill_engine(process)
            killed = True
        time.sleep(0.05)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, output
    assert killed, output

    submission = pl.read_parquet(folder / "submission.parquet")
    assert submission.schema == {"id": pl.String, "answer": pl.Int64}
    assert submission.height == PROBLEMS
    assert submission["answer"].is_between(0, 99_999).all()

    (run,) = folder.glob("runs/*")
    assert {path.name for path in run.iterdir()} >= {
        "settings.toml", "trajectories.jsonl", "answers.csv", "summary.json", "log.txt",
    }  # fmt: skip
    with (run / "answers.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == PROBLEMS
    assert pl.read_ndjson(run / "trajectories.jsonl").height == PROBLEMS * 4
    restarts = json.loads((run / "summary.json").read_text(encoding="utf-8"))["engine_restarts"]
    assert len(restarts) == 1, output
    assert "restart" in (run / "log.txt").read_text(encoding="utf-8")
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
