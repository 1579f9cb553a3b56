"""Speculative decoding, and what can be measured of an engine, on real vLLM: `pytest -m engine`."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aimo_solver.dialects.numina import NUMINA
from aimo_solver.dialects.prompt import Prompt
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.vllm.engine import VllmEngine
from aimo_solver.problems.problem_set import load_problem_set
from quantize.divergence import mean_divergence
from tests.helpers.engine_contract import complete
from tests.helpers.vllm import vllm_settings

ROOT = Path(__file__).parents[2]
TIR, COT = ROOT / "demo_model" / "tir", ROOT / "demo_model" / "cot"
PROBLEMS = load_problem_set(ROOT / "validation_sets" / "demo.jsonl").problems[:6]
GREEDY = Sampling(max_tokens=96)
SEEDED = Sampling(max_tokens=64, temperature=1.0, seed=7)

pytestmark = pytest.mark.engine


@contextmanager
def engine(loop: asyncio.AbstractEventLoop, speculative: dict[str, Any] | None = None) -> Generator[VllmEngine]:
    settings = replace(vllm_settings(TIR), speculative=speculative, reports_weights=True)
    made = VllmEngine(settings)
    loop.run_until_complete(made.start())
    try:
        yield made
    finally:
        loop.run_until_complete(made.stop())


async def completions(made: VllmEngine, sampling: Sampling) -> list[list[int]]:
    prompts = [NUMINA.encode_prompt(problem.text, Prompt(), made.tokenizer) for problem in PROBLEMS]
    joined = await asyncio.gather(*(complete(made, prompt, sampling) for prompt in prompts))
    return [one.token_ids for one in joined]


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    pytest.importorskip("vllm")
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture(scope="module")
def plain(loop: asyncio.AbstractEventLoop) -> list[list[int]]:
    """Greedy completions without speculation."""
    with engine(loop) as made:
        prompt = NUMINA.encode_prompt(PROBLEMS[0].text, Prompt(), made.tokenizer)
        rows = loop.run_until_complete(made.next_tokens(prompt, 20))
        assert len(rows) == len(prompt) - 1 and all(20 <= len(row) <= 21 for row in rows)
        assert mean_divergence([rows], [rows]) == pytest.approx(0.0, abs=1e-6)
        assert loop.run_until_complete(made.weight_bytes()) is None  # A CPU.
        assert made.drafts().proposed == 0
        return loop.run_until_complete(completions(made, GREEDY))


@pytest.mark.parametrize(
    "speculative",
    [
        {"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4},
        {"method": "draft_model", "model": str(COT), "num_speculative_tokens": 3},
    ],
    ids=["ngram", "draft model"],
)
def test_at_temperature_0_speculation_changes_no_token(
    loop: asyncio.AbstractEventLoop, plain: list[list[int]], speculative: dict[str, Any]
) -> None:
    with engine(loop, speculative) as made:
        assert loop.run_until_complete(completions(made, GREEDY)) == plain
        drafts = made.drafts()
        assert 0 < drafts.accepted <= drafts.proposed
        first, again = (loop.run_until_complete(completions(made, SEEDED)) for _ in range(2))
        assert all(first) and all(again)
