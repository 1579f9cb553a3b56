"""vLLM's V1 engine behind the Engine protocol.

Guarantees what aimo_solver/engine/base.py asks for, and what engines/vllm_process.py says of starting
and ending.

Not guaranteed: to notice that the engine stands still (SupervisedEngine does); the same tokens
from the same seed on another machine, another vLLM, or with speculative decoding.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

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
        self._process = VllmProcess(
            settings,
            kv_cache_dtype=settings.kv_cache_dtype,
            stream_interval=settings.stream_interval,
            seed=settings.seed,
            speculative_config=settings.speculative,
            worker_extension_cls=_WEIGHT_REPORTER if settings.reports_weights else "",
            # Speculation is counted there and nowhere else.
            disable_log_stats=settings.speculative is None,
        )

    @property
    def tokenizer(self) -> HfTokenizer:
        """The checkpoint's tokenizer; there from the first start on, after `stop` too."""
        return self._process.tokenizer

    @property
    def context_tokens(self) -> int:
        """Prompt and completion together hold at most this many tokens."""
        return self._process.context_tokens

    @property
    def down_seconds(self) -> float:
        """Always 0: whoever wants a dead engine back supervises it."""
        return 0.0

    @property
    def process_ids(self) -> list[int]:
        """The engine's living processes: its core and its workers."""
        return self._process.ids

    @property
    def unfinished_requests(self) -> int:
        """Requests neither finished nor aborted on this side of vLLM."""
        return self._process.unfinished_requests

    async def is_idle(self) -> bool:
        """Whether vLLM's core has no request either. Hangs when the engine stands still."""
        llm = self._process.llm
        busy = await llm.engine_core.call_utility_async("has_work")
        return not busy and self.unfinished_requests == 0

    async def weight_bytes(self) -> int | None:
        """Of the weights as they lie in the cards' memory; None on a CPU. Needs `reports_weights`."""
        parts = await self._process.llm.collective_rpc("weight_bytes")
        return None if None in parts else sum(parts)

    def drafts(self) -> Drafts:
        """What speculation came to since the engine's start; vLLM counts for a whole process, one engine at a time."""
        if self.settings.speculative is None:
            return Drafts(0, 0)
        from vllm.v1.metrics.reader import get_metrics_snapshot

        counts = {metric.name: getattr(metric, "value", 0) for metric in get_metrics_snapshot()}
        return Drafts(
            int(counts.get("vllm:spec_decode_num_draft_tokens", 0)),
            int(counts.get("vllm:spec_decode_num_accepted_tokens", 0)),
        )

    async def next_tokens(self, token_ids: Sequence[int], alternatives: int) -> list[dict[int, float]]:
        """Behind every token but the last, the likeliest next ones and their log-probabilities (nats).

        The next token that stands there is among them, whatever its rank.
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
        """Loads the model. Raises EngineLoadError when the checkpoint cannot be loaded here."""
        await self._process.start()

    async def stop(self) -> None:
        """Ends the engine and every process it left behind, even when it is dead or wedged.

        Raises EngineError when processes do not die (a driver holds them).
        """
        await self._process.stop()

    async def generate(self, prompt_token_ids: Sequence[int], sampling: Sampling) -> AsyncGenerator[Completion, None]:
        """Streams the completion. A prompt that leaves no room gets an empty one, ended by LENGTH.

        Raises EngineError when the engine dies; what vLLM raises at a request it refuses passes
        through (a mistake in the caller, such as an id outside the vocabulary).
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
                    # Flat log-probabilities, which read() does not know, come only where vLLM is told to.
                    yield reader.read(output.outputs[0])  # pyright: ignore[reportArgumentType]
        except EngineError:  # It is dead, or has ended the request itself.
            finished = True
            raise
        finally:
            if not finished:
                await outputs.aclose()
                # vLLM itself forgets a request cancelled while it was being handed over.
                await llm.abort(request_id)


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
        # The text is ours (TextStream); vLLM needs its own only to look for stop strings.
        detokenize=bool(sampling.stop),
        include_stop_str_in_output=True,
        skip_special_tokens=False,
        output_kind=RequestOutputKind.DELTA,
    )
