"""Real vLLM with settings that a user gives: arguments and variables passed through, and a context that is too long."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aimo_solver.app.canary import QUESTION, Fault, Verdict, ask_canary
from aimo_solver.engine.vllm.engine import VllmEngine
from aimo_solver.engine.vllm.settings import VllmSettings
from aimo_solver.utils.paths import DEMO_MODEL
from tests.helpers.vllm import vllm_settings

SPECULATIVE = {"method": "ngram", "num_speculative_tokens": 2, "prompt_lookup_max": 3}


def random_checkpoint(folder: Path) -> Path:
    """Writes a Llama of the demo model's shape with random weights, and its tokenizer."""
    from transformers import LlamaConfig, LlamaForCausalLM

    values: dict[str, Any] = json.loads((DEMO_MODEL / "config.json").read_text())
    config = LlamaConfig(**values)
    folder.mkdir()
    LlamaForCausalLM(config).bfloat16().save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        if (DEMO_MODEL / name).exists():
            shutil.copyfile(DEMO_MODEL / name, folder / name)
    return folder


def canary_of(settings: VllmSettings, seen: dict[str, Any]) -> Verdict:
    """Starts the engine, asks the canary and ends the engine; what vLLM was given goes into `seen`."""

    async def ask() -> Verdict:
        engine = VllmEngine(settings)
        await engine.start()
        try:
            config = engine._process.llm.vllm_config  # pyright: ignore[reportPrivateUsage]  # vLLM's own view
            seen["max_num_batched_tokens"] = config.scheduler_config.max_num_batched_tokens
            seen["context_tokens"] = engine.context_tokens
            pid = engine.process_ids[0]
            seen["environment"] = Path(f"/proc/{pid}/environ").read_text().split("\0")
            prompt = engine.tokenizer.encode_chat([{"role": "user", "content": QUESTION}])
            return await ask_canary(engine, prompt)
        finally:
            await engine.stop()

    return asyncio.run(ask())


@pytest.mark.engine
def test_the_demo_model_passes_the_canary_with_settings_passed_through() -> None:
    pytest.importorskip("vllm")
    speculative, seen = dict(SPECULATIVE), dict[str, Any]()
    settings = replace(
        vllm_settings(DEMO_MODEL),
        max_model_len=65_536,
        speculative=speculative,
        engine_arguments={"max_num_batched_tokens": 4096},
        environment={"AIMO_TEST_VARIABLE": "here"},
    )
    verdict = canary_of(settings, seen)
    assert verdict.passed, verdict.description
    assert (seen["context_tokens"], seen["max_num_batched_tokens"]) == (4096, 4096)
    assert {"AIMO_TEST_VARIABLE=here", "VLLM_USE_FLASHINFER_SAMPLER=0"} <= set(seen["environment"])
    assert speculative == SPECULATIVE


@pytest.mark.engine
def test_random_weights_fail_the_canary(tmp_path: Path) -> None:
    pytest.importorskip("vllm")
    verdict = canary_of(vllm_settings(random_checkpoint(tmp_path / "random")), {})
    assert verdict.fault is Fault.GARBLED, verdict.description
