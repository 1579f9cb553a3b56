"""Real vLLM on a checkpoint with two end tokens, whose tokenizer is labelled with a class that decodes it wrongly."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aimo_solver.engine.base import FinishReason, Sampling
from aimo_solver.engine.vllm.engine import VllmEngine
from aimo_solver.utils.paths import DEMO_MODEL
from tests.helpers.engine_contract import JoinedCompletion, complete
from tests.helpers.tokenizers import relabel_tokenizer
from tests.helpers.vllm import vllm_settings

STOP = "```output\n"
END_ID = 309
"""The token "}$.", which ends an answer."""
PROBLEM = "Find the sum of all primes less than $110$ that leave remainder $3$ when divided by $8$."


@pytest.mark.engine
def test_stops_are_found_whatever_the_tokenizer_is_labelled_and_turns_end_at_every_end_token(tmp_path: Path) -> None:
    pytest.importorskip("vllm")
    from transformers import AutoTokenizer

    labelled = tmp_path / "labelled"
    shutil.copytree(DEMO_MODEL, labelled)
    relabel_tokenizer(labelled, "LlamaTokenizerFast")
    ends = json.loads((labelled / "generation_config.json").read_text())["eos_token_id"]
    generation = {"eos_token_id": [ends, END_ID], "temperature": 0.01, "max_new_tokens": 3}
    (labelled / "generation_config.json").write_text(json.dumps(generation))
    sampling = Sampling(max_tokens=300, seed=0, stop=(STOP,))

    async def scenario() -> tuple[JoinedCompletion, JoinedCompletion, JoinedCompletion]:
        engine = VllmEngine(vllm_settings(labelled))
        await engine.start()
        try:
            prompt = engine.tokenizer.encode_chat([{"role": "user", "content": PROBLEM}])
            first = await complete(engine, prompt, sampling)
            # vLLM decodes with our tokenizer. Even where it does not, and finds no stop, its request ends.
            processor: Any = engine._process.llm.output_processor  # pyright: ignore[reportPrivateUsage]
            assert processor.tokenizer.decode(first.token_ids) == first.text
            processor.tokenizer = AutoTokenizer.from_pretrained(labelled)
            assert processor.tokenizer.decode(first.token_ids) != first.text
            second = await complete(engine, prompt, sampling)
            assert engine.unfinished_requests == 0
            async with asyncio.timeout(20.0):
                while not await engine.is_idle():
                    await asyncio.sleep(0.05)
            return first, second, await complete(engine, prompt, replace(sampling, stop=()))
        finally:
            await engine.stop()

    first, second, ended = asyncio.run(scenario())
    assert (first.last.finish_reason, first.last.stop) == (FinishReason.STOP, STOP)
    assert first.text.endswith(STOP) and first.text.count(STOP) == 1
    assert (ended.last.finish_reason, ended.last.stop) == (FinishReason.STOP, None)
    assert ended.token_ids[-1] == END_ID and ended.token_ids.count(END_ID) == 1
    assert second.token_ids == first.token_ids and second.last == first.last
