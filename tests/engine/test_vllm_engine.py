"""VllmEngine on real vLLM: the engines' contract, deaths, restarts, checkpoints that cannot be loaded.

Slow (minutes), and only if vLLM is installed: `pytest -m engine`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aimo_solver.engine.base import Completion
from aimo_solver.engine.supervised import SupervisedEngine
from aimo_solver.engine.vllm.engine import VllmEngine
from aimo_solver.errors import EngineError, EngineLoadError
from aimo_solver.utils.paths import DEMO_MODEL
from tests.helpers.engine_contract import SAMPLING, EngineContract, JoinedCompletion, RunCoroutine, complete, prompt_ids
from tests.helpers.processes import is_running
from tests.helpers.vllm import background_loop, core_of, vllm_settings


@pytest.fixture(scope="module")
def checkpoint() -> Path:
    return DEMO_MODEL


@pytest.fixture(scope="module")
def loop_run() -> Iterator[RunCoroutine]:
    with background_loop() as run_on_loop:
        yield run_on_loop


@pytest.fixture(scope="module")
def shared_engine(checkpoint: Path, loop_run: RunCoroutine) -> Iterator[VllmEngine]:
    pytest.importorskip("vllm")
    engine = VllmEngine(vllm_settings(checkpoint))
    loop_run(engine.start())
    yield engine
    loop_run(engine.stop())
    assert engine.process_ids == []


@pytest.mark.engine
class TestVllmEngine(EngineContract):
    @pytest.fixture
    def engine(self, shared_engine: VllmEngine) -> VllmEngine:
        return shared_engine

    @pytest.fixture
    def run(self, loop_run: RunCoroutine) -> RunCoroutine:
        return loop_run

    async def is_idle(self, engine: VllmEngine) -> bool:
        return await engine.is_idle()

    def test_token_ids_are_those_of_bare_vllm(self, engine: VllmEngine, run: RunCoroutine) -> None:
        from vllm.sampling_params import SamplingParams

        async def bare() -> list[int]:
            params = SamplingParams(max_tokens=48, temperature=1.0, seed=7)
            llm = engine._process.llm  # pyright: ignore[reportPrivateUsage]  # vLLM itself, to compare with
            outputs = llm.generate({"prompt_token_ids": prompt_ids(engine)}, params, "bare")
            return [list(output.outputs[0].token_ids) async for output in outputs][-1]

        assert self.complete(engine, run).token_ids == run(bare())

    def test_many_long_prompts_of_seeded_requests_complete_at_once(self, engine: VllmEngine, run: RunCoroutine) -> None:
        """Sixteen long prompts are more than vLLM takes in one step; on a CPU, splitting seeded ones would kill it."""
        prompts = [[*prompt_ids(engine), *range(400, 700 + index)] for index in range(16)]

        async def all_at_once() -> list[JoinedCompletion]:
            return await asyncio.gather(*(complete(engine, prompt, SAMPLING) for prompt in prompts))

        assert all(joined.token_ids for joined in run(all_at_once()))

    # Must be last, as the engine is dead after it. Stopping the shared engine then finds nothing left.
    def test_killed_core_raises_and_stop_leaves_no_process(self, engine: VllmEngine, run: RunCoroutine) -> None:
        pids = engine.process_ids
        assert len(pids) >= 2

        async def scenario() -> None:
            stream = engine.generate(prompt_ids(engine), replace(SAMPLING, max_tokens=900))
            await anext(stream)
            os.kill(core_of(pids), signal.SIGKILL)
            with pytest.raises(EngineError, match="died"):
                async for _ in stream:
                    pass
            await engine.stop()

        run(scenario())
        assert engine.process_ids == []
        assert not [pid for pid in pids if is_running(pid)]


@pytest.mark.restarts
def test_a_stopped_core_is_replaced_and_the_completion_resumes(checkpoint: Path, loop_run: RunCoroutine) -> None:
    pytest.importorskip("vllm")
    engines: list[VllmEngine] = []
    log: list[str] = []

    def make() -> VllmEngine:
        engines.append(VllmEngine(vllm_settings(checkpoint)))
        return engines[-1]

    async def scenario() -> tuple[JoinedCompletion, list[int]]:
        engine = SupervisedEngine(make, stall_seconds=20.0, log=log.append)
        await engine.start()
        first_pids = engines[0].process_ids
        gaps: list[float] = []
        ticks = asyncio.create_task(_tick(gaps))
        deltas: list[Completion] = []
        async for delta in engine.generate(prompt_ids(engine), replace(SAMPLING, max_tokens=300)):
            deltas.append(delta)
            if len(deltas) == 2:
                for pid in first_pids:
                    os.kill(pid, signal.SIGSTOP)
        ticks.cancel()
        await engine.stop()
        (restart,) = engine.restarts
        assert max(gaps) < restart.seconds / 2, "the event loop was blocked while the engine restarted"
        return JoinedCompletion(tuple(deltas)), first_pids

    joined, first_pids = loop_run(scenario())
    print(*log, sep="\n")
    assert joined.last.finish_reason is not None
    assert joined.text == engines[0].tokenizer.decode(joined.token_ids)
    assert not [pid for pid in first_pids if is_running(pid)]
    assert [engine.process_ids for engine in engines] == [[], []]


@pytest.mark.restarts
def test_checkpoint_of_an_unknown_architecture_is_refused_in_one_sentence(
    checkpoint: Path, tmp_path: Path, loop_run: RunCoroutine
) -> None:
    pytest.importorskip("vllm")
    folder = _copy(checkpoint, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["NoSuchForCausalLM"]}))
    engine = VllmEngine(vllm_settings(folder))
    with pytest.raises(EngineLoadError, match="NoSuchForCausalLM") as caught:
        loop_run(engine.start())
    _assert_one_sentence(caught.value, folder)
    assert engine.process_ids == []


@pytest.mark.restarts
def test_weights_of_other_shapes_are_refused_in_one_sentence(
    checkpoint: Path, tmp_path: Path, loop_run: RunCoroutine
) -> None:
    pytest.importorskip("vllm")
    folder = _copy(checkpoint, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 2 * config["intermediate_size"]}))
    engine = VllmEngine(vllm_settings(folder))
    with pytest.raises(EngineLoadError) as caught:
        loop_run(engine.start())
    print(caught.value)
    _assert_one_sentence(caught.value, folder)
    assert engine.process_ids == []


def test_importing_the_engine_does_not_import_vllm() -> None:
    import subprocess
    import sys

    heavy = "{'vllm', 'torch', 'transformers'} & set(sys.modules)"
    code = f"import sys, aimo_solver.engine.vllm.engine; assert not {heavy}"
    subprocess.run([sys.executable, "-c", code], check=True)


def _copy(checkpoint: Path, folder: Path) -> Path:
    return Path(shutil.copytree(checkpoint, folder / "checkpoint"))


def _assert_one_sentence(error: EngineLoadError, folder: Path) -> None:
    assert str(folder) in str(error)
    assert "\n" not in str(error) and ";" in str(error)


async def _tick(gaps: list[float]) -> None:
    """Records how long the loop took for each of its ticks."""
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(0.1)
        gaps.append(loop.time() - before)
