"""Checkpoints that cannot be loaded are refused in one sentence that names the folder and the cure."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from aimo_solver.engine.checkpoint import check_checkpoint
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.engine.vllm.engine import VllmEngine
from aimo_solver.engine.vllm.log import failure_cause
from aimo_solver.engine.vllm.settings import VllmSettings
from aimo_solver.errors import EngineLoadError


def test_missing_folder_is_refused_in_one_sentence(tmp_path: Path) -> None:
    _assert_refused(tmp_path / "nowhere", "no folder")


@pytest.mark.parametrize(
    ("name", "words"),
    [("config.json", "config.json"), ("tokenizer.json", "no tokenizer"), ("model.safetensors", "no weights")],
)
def test_incomplete_folder_is_refused_in_one_sentence(tmp_path: Path, name: str, words: str) -> None:
    folder = _plain_checkpoint(tmp_path)
    (folder / name).unlink()
    _assert_refused(folder, words)


def test_truncated_safetensors_is_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = _plain_checkpoint(tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    _assert_refused(folder, "truncated")


@pytest.mark.parametrize("content", [b"", b"garbage, no header", b"\xff" * 64])
def test_safetensors_without_a_header_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    folder = _plain_checkpoint(tmp_path)
    (folder / "model.safetensors").write_bytes(content)
    _assert_refused(folder, "damaged")


def test_missing_shard_is_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = _plain_checkpoint(tmp_path)
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    _assert_refused(folder, "lacks 1 of 2 weight files")


def test_whole_folder_passes(tmp_path: Path) -> None:
    check_checkpoint(_plain_checkpoint(tmp_path))


def test_cause_of_a_failure_is_the_last_error_that_is_no_wrapper(tmp_path: Path) -> None:
    log = tmp_path / "vllm.log"
    log.write_text(
        "ERROR vllm WorkerProc failed to start.\nTraceback (most recent call last):\n"
        '  File "x.py", line 1, in f\ntorch.OutOfMemoryError: out of memory. Tried 2 GiB\n'
        "ERROR vllm EngineCore failed to start.\nTraceback (most recent call last):\n"
        "Exception: WorkerProc initialization failed due to an exception in a background process.\n"
    )
    error = RuntimeError("Engine core initialization failed. See root cause above.")
    assert failure_cause(error, log, 0) == "out of memory. Tried 2 GiB"


def test_cause_without_a_log_is_the_exception_itself(tmp_path: Path) -> None:
    error = ValueError("1 validation error for ModelConfig\n  Value error, no such model [type=value_error]\n  See x")
    assert failure_cause(error, tmp_path / "none", 0) == "no such model"


def test_damaged_tokenizer_is_refused_in_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(EngineLoadError, match="no readable tokenizer") as caught:
        HfTokenizer(_plain_checkpoint(tmp_path))
    assert "\n" not in str(caught.value)


def _plain_checkpoint(folder: Path) -> Path:
    """Makes all files that a checkpoint needs; no engine could load them."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    return folder


def _assert_refused(folder: Path, words: str) -> None:
    # Through the engine, which checks the files before it needs vLLM.
    engine = VllmEngine(VllmSettings(folder))
    with pytest.raises(EngineLoadError, match=words) as caught:
        asyncio.run(engine.start())
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value) and ";" in str(caught.value)
