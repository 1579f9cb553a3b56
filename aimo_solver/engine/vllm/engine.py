"""VllmEngine: vLLM's V1 engine as a ManagedEngine.

Guarantees what aimo_solver/engine/base.py demands, and what process.py says about starting and
ending.

Not guaranteed: that a wedged engine is noticed (SupervisedEngine does that); the same tokens from
the same seed on another machine, with another vLLM, or with speculative decoding.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any

from aimo_solver.engine.base import Completion, Drafts, FinishReason, Sampling
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.engine.vllm.outputs import OutputReader
from aimo_solver.engine.vllm.process import VllmProcess
from aimo_solver.engine.vllm.settings import VllmSettings
from aimo_solver.errors import EngineError

if TYPE_CHECKING:
    from vllm.sampling_params import SamplingParams

__all__ = ["VllmEngine", "VllmSettings"]

_WEIGHT_REPORTER = "aimo_solver.engine.vllm.weight_reporter.WeightReporter"


class VllmEngine:
    """ManagedEngine over vLLM's AsyncLLM. Its coroutines all belong to one event loop."""

    def __init__(self, settings: VllmSettings) -> None:
        self.settings = settings
        arguments: dict[str, Any] = {
            "kv_cache_dtype": settings.kv_cache_dtype,
            "stream_interval": settings.stream_interval,
            "seed": settings.seed,
            "speculative_config": settings.speculative,
            "worker_extension_cls": _WEIGHT_REPORTER if settings.reports_weights else "",
            # Drafts are counted in the statistics only.
            "disable_log_stats": settings.speculative is None,
        }
        self._process = VllmProcess(settings, **(arguments | dict(settings.engine_arguments)))

    @property
    def tokenizer(self) -> HfTokenizer:
        """The checkpoint's tokenizer; available from the first start on, even after `stop`."""
        return self._process.tokenizer

    @property
    def context_tokens(self) -> int:
        """The most tokens that prompt and completion together may have."""
        return self._process.context_tokens

    @property
    def down_seconds(self) -> float:
        """Always 0, as this engine does not restart itself; see SupervisedEngine."""
        return 0.0

    @property
    def process_ids(self) -> list[int]:
        """The engine's living processes: its core and its workers."""
        return self._process.ids

    @property
    def unfinished_requests(self) -> int:
        """How many requests are neither finished nor aborted in vLLM's front end."""
        return self._process.unfinished_requests

    async def is_idle(self) -> bool:
        """Returns whether vLLM's core has no request either. Never returns if the engine is wedged."""
        core: Any = self._process.llm.engine_core
        busy = await core.call_utility_async("has_work")
        return not busy and self.unfinished_requests == 0

    async def weight_bytes(self) -> int | None:
        """Returns the GPU memory taken by the weights, in bytes; None on a CPU. Needs `reports_weights`."""
        llm: Any = self._process.llm
        parts: list[int | None] = await llm.collective_rpc("weight_bytes")
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None

    def drafts(self) -> Drafts:
        """Returns what speculation has proposed since the start. vLLM counts per process, for one engine."""
        if self.settings.speculative is None:
            return Drafts(0, 0)
        from vllm.v1.metrics.reader import get_metrics_snapshot

        counts = {metric.name: getattr(metric, "value", 0) for metric in get_metrics_snapshot()}
        return Drafts(
            int(counts.get("vllm:spec_decode_num_draft_tokens", 0)),
            int(counts.get("vllm:spec_decode_num_accepted_tokens", 0)),
        )

    async def next_tokens(self, token_ids: Sequence[int], alternatives: int) -> list[dict[int, float]]:
        """Returns, for each position but the first, the likeliest tokens there: token id -> log-probability (nats).

        The actual token is always included, whatever its rank.
        """
        from vllm.sampling_params import SamplingParams

        params = SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=alternatives, detokenize=False)
        request_id = self._process.new_request_id()
        rows: list[dict[int, float]] = []
        async for output in self._process.llm.generate({"prompt_token_ids": list(token_ids)}, params, request_id):
            # The first token has nothing before it.
            rows = [
                {token_id: entry.logprob for token_id, entry in row.items()}
                for row in (output.prompt_logprobs or ())[1:]
                if row is not None
            ]
        return rows

    async def start(self) -> None:
        """Loads the model. Raises EngineLoadError if the checkpoint cannot be loaded here."""
        await self._process.start()

    async def stop(self) -> None:
        """Ends the engine and every process it left behind, even if it is dead or wedged.

        Raises EngineError if processes do not die (a driver holds them).
        """
        await self._process.stop()

    async def generate(self, prompt_token_ids: Sequence[int], sampling: Sampling) -> AsyncGenerator[Completion, None]:
        """Streams the completion. A prompt that leaves no room gets an empty one that ends with LENGTH.

        Raises EngineError if the engine dies. What vLLM raises for a request it refuses (the caller's
        mistake, such as an id outside the vocabulary) is passed on.
        """
        llm = self._process.llm
        room_tokens = min(sampling.max_tokens, self.context_tokens - len(prompt_token_ids))
        if room_tokens < 1:
            yield Completion((), "", FinishReason.LENGTH)
            return
        reader = OutputReader(self.tokenizer, sampling)
        params = _vllm_params(sampling, room_tokens)
        request_id = self._process.new_request_id()
        outputs = llm.generate({"prompt_token_ids": list(prompt_token_ids)}, params, request_id)
        finished = False
        try:
            with self._process.raising_engine_error():
                async for output in outputs:
                    finished = output.finished
                    # vLLM returns flat log-probabilities, which read() does not know, only if configured to.
                    piece = reader.read(output.outputs[0])  # pyright: ignore[reportArgumentType]  # vLLM's union
                    ended = piece.finish_reason is not None
                    if ended and not finished:  # A stop string that vLLM has not found: frees its slot at once.
                        await self._abort(outputs, request_id)
                        finished = True
                    yield piece
                    if ended:
                        return
        except EngineError:  # The engine is dead, or has ended the request itself.
            finished = True
            raise
        finally:
            if not finished:
                await self._abort(outputs, request_id)

    async def _abort(self, outputs: AsyncGenerator[Any, None], request_id: str) -> None:
        await outputs.aclose()
        # vLLM does not abort a request that is cancelled while it is being submitted.
        await self._process.llm.abort(request_id)


def _vllm_params(sampling: Sampling, max_tokens: int) -> SamplingParams:
    from vllm.sampling_params import RequestOutputKind, SamplingParams

    return SamplingParams(
        max_tokens=max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        min_p=sampling.min_p,
        seed=sampling.seed,
        stop=list(sampling.stop),
        stop_token_ids=list(sampling.stop_token_ids),
        logprobs=sampling.logprobs,
        # TextStream makes the text; vLLM decodes only to find stop strings.
        detokenize=bool(sampling.stop),
        include_stop_str_in_output=True,
        skip_special_tokens=False,
        output_kind=RequestOutputKind.DELTA,
    )
