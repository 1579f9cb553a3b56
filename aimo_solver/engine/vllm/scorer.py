"""VllmScorer: a reward model on vLLM, such as a process preference model (PPM).

The checkpoint is a sequence classifier with one label, such as LlamaForSequenceClassification: it
computes one unbounded number for a text's last token. The score is its tanh, as in rStar-Math
(arXiv 2501.04519), where the loss is computed after the tanh too.

Guarantees what aimo_solver/engine/base.py demands, and what process.py says about starting and
ending. Also:
- all texts of a call, and of simultaneous calls, are in the engine together; cancelling a call
  withdraws its texts;
- a text longer than the context is scored by as many of its last tokens as fit, its last steps;
- it may run beside a generating VllmEngine in the same program.

Not guaranteed: bit-identical scores, whatever else is being scored.
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
        """The checkpoint's tokenizer; available from the first start on, even after `stop`."""
        return self._process.tokenizer

    @property
    def context_tokens(self) -> int:
        """The most tokens that are scored; of a longer text only the last ones count."""
        return self._process.context_tokens

    @property
    def process_ids(self) -> list[int]:
        """The scorer's living processes: its core and its workers."""
        return self._process.ids

    @property
    def unfinished_requests(self) -> int:
        """How many texts are neither scored nor withdrawn in vLLM's front end."""
        return self._process.unfinished_requests

    async def start(self) -> None:
        """Loads the model. Raises EngineLoadError if it cannot be loaded here or is no classifier with one label."""
        check_checkpoint(self.settings.model)
        check_one_label(self.settings.model)
        await self._process.start()

    async def stop(self) -> None:
        """Ends the scorer and every process it left behind. Raises EngineError if processes do not die."""
        await self._process.stop()

    async def score(self, texts: Sequence[Sequence[int]]) -> list[float]:
        """Returns a value in [-1, 1] for each text, given as token ids of the scorer's tokenizer.

        Raises EngineError if the scorer dies. What vLLM raises for a text it refuses (the caller's
        mistake, such as an empty text) is passed on.
        """
        tasks = [asyncio.ensure_future(self._logit(text)) for text in texts]
        try:
            return [math.tanh(logit) for logit in await asyncio.gather(*tasks)]
        finally:  # If one fails, the others are withdrawn.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _logit(self, text: Sequence[int]) -> float:
        llm = self._process.llm
        from vllm.pooling_params import PoolingParams

        tail = list(text[-self._process.context_tokens :])
        # The raw number: which activation vLLM would apply depends on the checkpoint's config.
        params = PoolingParams(task="classify", use_activation=False)
        outputs = llm.encode({"prompt_token_ids": tail}, params, self._process.new_request_id())
        with self._process.raising_engine_error():
            (output,) = [output async for output in outputs]
        return float(output.outputs.data.item())
