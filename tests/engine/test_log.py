"""vLLM's log: the file is the same for every process of the engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aimo_solver.engine.vllm.log import logging_config


def test_a_relative_file_is_the_same_in_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = json.loads(logging_config(Path("runs/engine.log")))
    assert config["handlers"]["file"]["filename"] == str(tmp_path / "runs/engine.log")
