"""VllmScorer on real vLLM, beside a generating engine.

Slow (both are started), and only if vLLM is installed: `pytest -m engine`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import LlamaForSequenceClassification

from aimo_solver.engine.base import Sampling
from aimo_solver.engine.vllm.engine import VllmEngine
from aimo_solver.engine.vllm.scorer import ScorerSettings, VllmScorer
from aimo_solver.errors import EngineError, EngineLoadError
from aimo_solver.utils.paths import DEMO_MODEL, DEMO_PPM
from tests.helpers.engine_contract import RunCoroutine, complete, prompt_ids
from tests.helpers.processes import is_running
from tests.helpers.vllm import background_loop, core_of, vllm_settings

CONTEXT_TOKENS = 512
BFLOAT16_TOLERANCE = 0.03
STEPS = ("<think>Add.</think>\n```python\nprint(1 + 1)\n```\n", "The answer is $\\boxed{2}$.", "So\n\n", "9" * 90)


@pytest.fixture(scope="module")
def loop_run() -> Iterator[RunCoroutine]:
    with background_loop() as run_on_loop:
        yield run_on_loop


@pytest.fixture(scope="module")
def engine(loop_run: RunCoroutine) -> Iterator[VllmEngine]:
    pytest.importorskip("vllm")
    engine = VllmEngine(vllm_settings(DEMO_MODEL))
    loop_run(engine.start())
    yield engine
    loop_run(engine.stop())
    assert engine.process_ids == []


@pytest.fixture(scope="module")
def scorer(loop_run: RunCoroutine, engine: VllmEngine) -> Iterator[VllmScorer]:
    settings = ScorerSettings(
        DEMO_PPM,
        max_model_len=CONTEXT_TOKENS,
        max_num_seqs=16,
        enforce_eager=True,
        cpu_kvcache_gib=1,
        load_seconds=1800.0,
    )
    scorer = VllmScorer(settings)
    loop_run(scorer.start())
    yield scorer
    loop_run(scorer.stop())
    assert scorer.process_ids == []


def texts(scorer: VllmScorer) -> list[list[int]]:
    prompt = scorer.tokenizer.encode_chat([{"role": "user", "content": "What is 1 + 1?"}])
    return [[*prompt, *scorer.tokenizer.encode(step)] for step in STEPS]


@pytest.mark.engine
class TestVllmScorer:
    def test_scores_are_those_of_transformers(self, scorer: VllmScorer, loop_run: RunCoroutine) -> None:
        model = LlamaForSequenceClassification.from_pretrained(DEMO_PPM, dtype=torch.float32).eval()
        with torch.inference_mode():
            expected = [model(torch.tensor([text])).logits.tanh().item() for text in texts(scorer)]
        found = loop_run(scorer.score(texts(scorer)))
        print(expected, found)
        assert found == pytest.approx(expected, abs=BFLOAT16_TOLERANCE)
        assert len({round(score, 3) for score in found}) == len(STEPS)

    def test_texts_scored_together_get_the_scores_they_get_alone(
        self, scorer: VllmScorer, loop_run: RunCoroutine
    ) -> None:
        alone = [loop_run(scorer.score([text]))[0] for text in texts(scorer)]
        at_once = loop_run(scorer.score(texts(scorer) * 20))
        assert at_once == pytest.approx(alone * 20, abs=BFLOAT16_TOLERANCE)

    def test_no_texts_get_no_scores(self, scorer: VllmScorer, loop_run: RunCoroutine) -> None:
        assert loop_run(scorer.score([])) == []

    def test_a_text_longer_than_the_context_is_scored_by_its_tail(
        self, scorer: VllmScorer, loop_run: RunCoroutine
    ) -> None:
        long = [*texts(scorer)[3] * 10, *texts(scorer)[0]]
        whole, tail = loop_run(scorer.score([long, long[-CONTEXT_TOKENS:]]))
        assert scorer.context_tokens == CONTEXT_TOKENS < len(long)
        assert whole == pytest.approx(tail, abs=BFLOAT16_TOLERANCE)

    def test_it_scores_while_the_engine_generates(
        self, scorer: VllmScorer, engine: VllmEngine, loop_run: RunCoroutine
    ) -> None:
        sampling = Sampling(max_tokens=200, temperature=1.0, seed=1)

        async def both() -> tuple[int, int, int]:
            writing = [asyncio.create_task(complete(engine, prompt_ids(engine), sampling)) for _ in range(4)]
            while engine.unfinished_requests < len(writing):
                await asyncio.sleep(0.01)
            rounds = 0
            while engine.unfinished_requests:
                rounds += len(await scorer.score(texts(scorer))) == len(STEPS)
            joined = await asyncio.gather(*writing)
            return rounds, len(joined), sum(bool(one.token_ids) for one in joined)

        rounds, asked, written = loop_run(both())
        assert rounds >= 1 and written == asked

    def test_a_cancelled_call_withdraws_its_texts(self, scorer: VllmScorer, loop_run: RunCoroutine) -> None:
        async def scenario() -> int:
            call = asyncio.create_task(scorer.score(texts(scorer) * 50))
            await asyncio.sleep(0.02)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            return scorer.unfinished_requests

        assert loop_run(scenario()) == 0
        assert len(loop_run(scorer.score(texts(scorer)))) == len(STEPS)

    # Must be last, as the scorer is dead after it. Its fixture then finds nothing left.
    def test_a_killed_core_raises_and_stop_leaves_the_engine_alone(
        self, scorer: VllmScorer, engine: VllmEngine, loop_run: RunCoroutine
    ) -> None:
        pids, kept = scorer.process_ids, engine.process_ids
        assert len(pids) >= 2 and not set(pids) & set(kept)

        async def scenario() -> None:
            os.kill(core_of(pids), signal.SIGKILL)
            with pytest.raises(EngineError, match="died"):
                await scorer.score(texts(scorer))
            await scorer.stop()

        loop_run(scenario())
        assert scorer.process_ids == [] and not [pid for pid in pids if is_running(pid)]
        assert engine.process_ids == kept
        assert loop_run(complete(engine, prompt_ids(engine), Sampling(max_tokens=4))).token_ids


def test_a_model_that_generates_is_refused_before_it_is_loaded() -> None:
    scorer = VllmScorer(ScorerSettings(DEMO_MODEL))
    with pytest.raises(EngineLoadError, match="no sequence classifier"):
        asyncio.run(scorer.start())


def test_scoring_before_the_start_is_refused() -> None:
    with pytest.raises(EngineError, match=r"call start\(\) first"):
        asyncio.run(VllmScorer(ScorerSettings(Path("nowhere"))).score([[1]]))
