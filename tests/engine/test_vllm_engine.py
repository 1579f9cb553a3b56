"""VllmEngine on real vLLM: the engines' contract, deaths, restarts, checkpoints that do not load.

Slow (minutes) and only where vLLM is installed: `pytest -m engine`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aimo_solver.engine.base import Completion
from aimo_solver.engine.supervised import SupervisedEngine
from aimo_solver.engine.vllm.engine import VllmEngine
from aimo_solver.engine.vllm.settings import VllmSettings
from aimo_solver.errors import EngineError, EngineLoadError
from tests.helpers.engine_contract import SAMPLING, EngineContract, Run, Said, complete, prompt_ids

DEMO_CHECKPOINT = Path(__file__).parents[2] / "demo_model" / "tir"
HANG_GUARD_SECONDS = 3600.0


@pytest.fixture(scope="module")
def checkpoint() -> Path:
    return DEMO_CHECKPOINT


@pytest.fixture(scope="module")
def loop_run() -> Iterator[Run]:
    """Runs coroutines on one loop in one background thread, as the kernel does."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run_on_loop(coroutine: Coroutine[Any, Any, Any]) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, loop)
        return future.result(HANG_GUARD_SECONDS)

    yield run_on_loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def vllm_settings(checkpoint: Path) -> VllmSettings:
    return VllmSettings(
        checkpoint, max_model_len=1024, max_num_seqs=16, enforce_eager=True, cpu_kvcache_gib=1, load_seconds=1800.0
    )


@pytest.fixture(scope="module")
def shared_engine(checkpoint: Path, loop_run: Run) -> Iterator[VllmEngine]:
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
    def run(self, loop_run: Run) -> Run:
        return loop_run

    async def is_idle(self, engine: VllmEngine) -> bool:
        return await engine.is_idle()

    def test_token_ids_are_those_of_bare_vllm(self, engine: VllmEngine, run: Run) -> None:
        from vllm.sampling_params import SamplingParams

        async def bare() -> list[int]:
            params = SamplingParams(max_tokens=48, temperature=1.0, seed=7)
            outputs = engine._process.llm.generate({"prompt_token_ids": prompt_ids(engine)}, params, "bare")
            return [list(output.outputs[0].token_ids) async for output in outputs][-1]

        assert self.say(engine, run).token_ids == run(bare())

    def test_vllm_dies_on_a_cpu_when_it_cuts_the_prompts_of_seeded_requests(self, engine: VllmEngine, run: Run) -> None:
        """Sixteen long prompts at once are more than vLLM takes in one step."""
        prompts = [[*prompt_ids(engine), *range(400, 700 + index)] for index in range(16)]

        async def all_at_once() -> list[Said]:
            return await asyncio.gather(*(complete(engine, prompt, SAMPLING) for prompt in prompts))

        assert all(said.token_ids for said in run(all_at_once()))

    # The last one: the engine is dead behind it. The shared engine's end then finds its leftovers gone.
    def test_killed_core_raises_and_stop_leaves_no_process(self, engine: VllmEngine, run: Run) -> None:
        pids = engine.process_ids
        assert len(pids) >= 2

        async def story() -> None:
            stream = engine.generate(prompt_ids(engine), replace(SAMPLING, max_tokens=900))
            await anext(stream)
            os.kill(core_of(pids), signal.SIGKILL)
            with pytest.raises(EngineError, match="died"):
                async for _ in stream:
                    pass
            await engine.stop()

        run(story())
        assert engine.process_ids == []
        assert not [pid for pid in pids if runs(pid)]


@pytest.mark.restarts
def test_stopped_core_is_replaced_and_the_completion_goes_on(checkpoint: Path, loop_run: Run) -> None:
    pytest.importorskip("vllm")
    engines: list[VllmEngine] = []
    log: list[str] = []

    def make() -> VllmEngine:
        engines.append(VllmEngine(vllm_settings(checkpoint)))
        return engines[-1]

    async def story() -> tuple[Said, list[int]]:
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
        assert max(gaps) < restart.seconds / 2, "the event loop stood still while the engine restarted"
        return Said(tuple(deltas)), first_pids

    said, first_pids = loop_run(story())
    print(*log, sep="\n")
    assert said.last.finish_reason is not None
    assert said.text == engines[0].tokenizer.decode(said.token_ids)
    assert not [pid for pid in first_pids if runs(pid)]
    assert [engine.process_ids for engine in engines] == [[], []]


@pytest.mark.restarts
def test_checkpoint_of_an_unknown_architecture_is_refused_in_one_sentence(
    checkpoint: Path, tmp_path: Path, loop_run: Run
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
def test_weights_of_other_shapes_are_refused_in_one_sentence(checkpoint: Path, tmp_path: Path, loop_run: Run) -> None:
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
    """Notes how long the loop took for each of its ticks."""
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(0.1)
        gaps.append(loop.time() - before)


def core_of(pids: list[int]) -> int:
    return next(pid for pid in pids if b"EngineCore" in Path(f"/proc/{pid}/cmdline").read_bytes())


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False
