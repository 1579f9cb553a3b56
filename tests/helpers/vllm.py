"""What the tests on real vLLM share: the settings of a small engine, a loop to run it on, its processes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aimo_solver.engine.vllm.settings import VllmSettings
from tests.helpers.engine_contract import RunCoroutine

HANG_GUARD_SECONDS = 3600.0


def vllm_settings(checkpoint: Path) -> VllmSettings:
    """The settings of an engine that a laptop's CPU can run."""
    return VllmSettings(
        checkpoint, max_model_len=1024, max_num_seqs=16, enforce_eager=True, cpu_kvcache_gib=1, load_seconds=1800.0
    )


@contextmanager
def background_loop() -> Generator[RunCoroutine]:
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


def core_of(pids: list[int]) -> int:
    """Returns the process that is vLLM's core."""
    return next(pid for pid in pids if b"EngineCore" in Path(f"/proc/{pid}/cmdline").read_bytes())
