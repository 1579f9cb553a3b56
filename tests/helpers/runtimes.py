"""Runtimes without processes: a scripted engine and an in-process sandbox behind `open_runtime`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from aimo_solver.app.canary import AskEngine
from aimo_solver.app.runtime import OpenRuntime, open_runtime
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import ByteTokenizer, Reply, ReplyFunction, ScriptedEngine
from tests.helpers.fakes import InProcessSandbox


def always_42(text: str, sampling: Sampling) -> Reply:
    return Reply("It is $\\boxed{42}$.")


def scripted_runtime(
    script: ReplyFunction = always_42,
    *,
    sandbox: InProcessSandbox | None = None,
    canary: AskEngine | None = None,
    **engine: Any,
) -> OpenRuntime:
    """Returns `open_runtime` on a scripted engine, by default without a canary, which scripts have no answer to.

    The real sandbox's threads would not suit a virtual clock.
    """

    def make_sandbox(memory_bytes: int) -> InProcessSandbox:
        return sandbox or InProcessSandbox()

    return partial(
        open_runtime,
        load_pause_seconds=0.0,
        canary=canary,
        make_engine=lambda settings: ScriptedEngine(script, **engine),
        make_sandbox=make_sandbox,
        read_tokenizer=lambda folder: engine.get("tokenizer") or ByteTokenizer(),
    )


def whole_checkpoint(folder: Path) -> Path:
    """Writes a folder that looks like a whole checkpoint, for engines that do not load it."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    return folder
