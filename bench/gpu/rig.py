"""A started engine to measure, and what a measurement returns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aimo_solver.engine.supervised import SupervisedEngine
from aimo_solver.engine.vllm.engine import VllmEngine

_PROMPT: Final = "Find the remainder when the sum of all divisors of 2026 is divided by 97. "


class BenchEngine(VllmEngine):
    """The product's VllmEngine, whose AsyncLLM can also be asked directly."""

    async def generate_directly(self, prompt: dict[str, Any], **parameters: Any) -> int:
        """Sends one request straight to AsyncLLM, in vLLM's own terms. Returns its number of tokens."""
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        llm: Any = self._process.llm
        wanted: dict[str, Any] = {"output_kind": RequestOutputKind.DELTA} | parameters
        tokens = 0
        async for output in llm.generate(prompt, SamplingParams(**wanted), self._process.new_request_id()):
            tokens += len(output.outputs[0].token_ids)
        return tokens


@dataclass(frozen=True, slots=True)
class Rig:
    """A started engine."""

    engine: SupervisedEngine
    start_seconds: float
    log_file: Path

    @property
    def inner(self) -> BenchEngine:
        """The engine inside; another one after a restart."""
        inner = self.engine.engine
        assert isinstance(inner, BenchEngine), "the benchmark starts no other engine"
        return inner

    @property
    def prompt(self) -> list[int]:
        return self.engine.tokenizer.encode(_PROMPT)

    def log(self) -> str:
        """Returns vLLM's log of all starts so far."""
        return self.log_file.read_text(errors="replace")

    def core_id(self) -> int:
        """Returns the id of the process that is vLLM's core."""
        return next(pid for pid in self.inner.process_ids if b"EngineCore" in Path(f"/proc/{pid}/cmdline").read_bytes())


@dataclass(frozen=True, slots=True)
class Figure:
    """What a measurement found."""

    text: str
    """For people."""
    values: dict[str, Any]
    """For programs."""


Measure = Callable[[Rig], Awaitable[Figure]]
