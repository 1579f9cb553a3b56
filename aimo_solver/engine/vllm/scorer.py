"""A reward model on vLLM behind the Scorer protocol, such as a process preference model (PPM).

The checkpoint is a sequence classifier with one label, say LlamaForSequenceClassification: it gives
one number for a text's last token, without bounds, and the score is its tanh, as in rStar-Math
(arXiv 2501.04519), where the loss is taken behind the tanh too.

Guarantees what aimo_solver/engine/base.py asks for, and what engines/vllm_process.py says of starting
and ending. Besides:
- all texts of a call, and of calls at the same time, are in the engine together; a cancelled call
  takes its texts back;
- a text longer than the context is scored by its tail, as many tokens as fit: the last steps;
- it may run beside a generating VllmEngine in the same program.

Not guaranteed: the same score to the last bit whatever else is scored at the same time.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

from aimo_solver.engine.checkpoint import check_checkpoint, check_one_label
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.engine.vllm.process import VllmProcess
from aimo_solver.engine.vllm.settings import ScorerSettings

__all__ = ["ScorerSettings", "VllmScorer"]


class VllmScorer:
    """ManagedScorer over vLLM's AsyncLLM as a pooling model. Its coroutines all belong to one event loop."""

    def __init__(self, settings: ScorerSettings) -> None:
        self.settings = settings
        self._process = VllmProcess(settings, runner="pooling")

    @property
    def tokenizer(self) -> HfTokenizer:
        """The checkpoint's tokenizer; there from the first start on, after `stop` too."""
        return self._process.tokenizer

    @property
    def context_tokens(self) -> int:
        """Of a longer text only as many tokens count, its last."""
        return self._process.context_tokens

    @property
    def process_ids(self) -> list[int]:
        """The scorer's living processes: its core and its workers."""
        return self._process.ids

    @property
    def unfinished_requests(self) -> int:
        """Texts neither scored nor taken back on this side of vLLM."""
        return self._process.unfinished_requests

    async def start(self) -> None:
        """Loads the model. Raises EngineLoadError when it cannot be loaded here, or is no classifier with one label."""
        check_checkpoint(self.settings.model)
        check_one_label(self.settings.model)
        await self._process.start()

    async def stop(self) -> None:
        """Ends it and every process it left behind. Raises EngineError when processes do not die."""
        await self._process.stop()

    async def score(self, texts: Sequence[Sequence[int]]) -> list[float]:
        """A value in [-1, 1] for each text, given as token ids of its own tokenizer.

        Raises EngineError when the scorer dies; what vLLM raises at a text it refuses passes through
        (a mistake in the caller, such as an empty text).
        """
        tasks = [asyncio.ensure_future(self._logit(text)) for text in texts]
        try:
            return [math.tanh(logit) for logit in await asyncio.gather(*tasks)]
        finally:  # One that failed takes the others back.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _logit(self, text: Sequence[int]) -> float:
        llm = self._process.llm
        from vllm.pooling_params import PoolingParams

        tail = list(text[-self._process.context_tokens :])
        # The bare number: what vLLM would put around it depends on the checkpoint's config.
        params = PoolingParams(task="classify", use_activation=False)
        outputs = llm.encode({"prompt_token_ids": tail}, params, self._process.new_request_id())
        with self._process.raising_engine_error():
            (output,) = [output async for output in outputs]
        return float(output.outputs.data.item())
