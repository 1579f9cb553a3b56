"""vLLM's V1 engine behind the Engine protocol. The only file that imports vllm, and only in `start`.

Guarantees what aimo_solver/engine.py asks for. Besides:
- the event loop keeps running while the model loads or ends, so that deadlines fire;
- after `stop`, and after a failed `start`, no process of the engine is left, also when its core
  was killed (vLLM leaves the workers then) or stands still;
- vLLM's own log goes to `VllmSettings.log_file`, not to the screen; a load that fails ends in one
  sentence with the cause found there (Python's traceback of the dead process does reach stderr).

Not guaranteed: to notice that the engine stands still (SupervisedEngine does); the same tokens
from the same seed on another machine, another vLLM, or with speculative decoding.

Processes are spawned, never forked, as the program around has threads and locks: the program's
main file must guard its start with `if __name__ == "__main__":`. Known to run on vLLM 0.32.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aimo_solver.engine import Completion, FinishReason, Sampling
from aimo_solver.engines.checkpoint_files import check_checkpoint
from aimo_solver.engines.hf_tokenizer import HfTokenizer
from aimo_solver.engines.process_sweep import EngineProcesses
from aimo_solver.engines.vllm_log import failure_cause, logging_config
from aimo_solver.engines.vllm_outputs import OutputReader
from aimo_solver.engines.vllm_settings import VllmSettings
from aimo_solver.errors import EngineError, EngineLoadError

if TYPE_CHECKING:
    from vllm.sampling_params import SamplingParams
    from vllm.v1.engine.async_llm import AsyncLLM

__all__ = ["Drafts", "VllmEngine", "VllmSettings"]

_END_SECONDS = 30.0
_LOOK_SECONDS = 0.2
_TELLS_WEIGHTS = "aimo_solver.engines.weight_teller.WeightTeller"
# vLLM reads its settings from the environment: one engine starts at a time.
_environment_lock = threading.Lock()
_QUIET = {
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TORCH_LOGS": "-all",
    "HF_HUB_OFFLINE": "1",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    # How long is too long is told by load_seconds and by SupervisedEngine, not by vLLM's own limits.
    "VLLM_ENGINE_READY_TIMEOUT_S": "86400",
    "VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS": "86400",
}


@dataclass(frozen=True, slots=True)
class Drafts:
    """Tokens that speculation proposed, and those the model would have written too."""

    proposed: int
    accepted: int


class VllmEngine:
    """ManagedEngine over vLLM's AsyncLLM. Its coroutines all belong to one event loop."""

    def __init__(self, settings: VllmSettings) -> None:
        self.settings = settings
        self._processes = EngineProcesses()
        self._request_numbers = itertools.count()
        self._llm: AsyncLLM | None = None
        self._tokenizer: HfTokenizer | None = None
        self._context_tokens = 0

    @property
    def tokenizer(self) -> HfTokenizer:
        """The checkpoint's tokenizer; there from the first start on, after `stop` too."""
        if self._tokenizer is None:
            raise EngineError("the engine has not been started; call start() first")
        return self._tokenizer

    @property
    def context_tokens(self) -> int:
        """Prompt and completion together hold at most this many tokens."""
        return self._context_tokens

    @property
    def down_seconds(self) -> float:
        """Always 0: whoever wants a dead engine back supervises it."""
        return 0.0

    @property
    def process_ids(self) -> list[int]:
        """The engine's living processes: its core and its workers."""
        return self._processes.alive()

    @property
    def unfinished_requests(self) -> int:
        """Requests neither finished nor aborted on this side of vLLM."""
        return self._llm.output_processor.get_num_unfinished_requests() if self._llm else 0

    async def is_idle(self) -> bool:
        """Whether vLLM's core has no request either. Hangs when the engine stands still."""
        llm = self._running()
        busy = await llm.engine_core.call_utility_async("has_work")
        return not busy and self.unfinished_requests == 0

    async def weight_bytes(self) -> int | None:
        """Of the weights as they lie in the cards' memory; None on a CPU. Needs `tells_weights`."""
        parts = await self._running().collective_rpc("weight_bytes")
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
        request_id = f"{self._processes.mark[:8]}-{next(self._request_numbers)}"
        rows: list[dict[int, float]] = []
        async for output in self._running().generate({"prompt_token_ids": list(token_ids)}, params, request_id):
            # The first token has nothing before it.
            rows = [
                {token_id: entry.logprob for token_id, entry in row.items()}
                for row in (output.prompt_logprobs or ())[1:]
                if row is not None
            ]
        return rows

    async def start(self) -> None:
        """Loads the model. Raises EngineLoadError when the checkpoint cannot be loaded here."""
        if self._llm is not None:
            raise EngineError("the engine runs already; stop() it before it is started again")
        settings = self.settings
        check_checkpoint(settings.model)
        loading = asyncio.get_running_loop().run_in_executor(None, self._load)
        try:
            done, _ = await asyncio.wait({loading}, timeout=settings.load_seconds)
        except asyncio.CancelledError:
            await self._abandon(loading)
            raise
        if not done:
            await self._abandon(loading)
            raise EngineLoadError(
                f"vLLM has not loaded {settings.model} within {settings.load_seconds:.0f} s; raise load_seconds"
            )
        if error := loading.exception():
            await self.stop()
            raise error

    async def _abandon(self, loading: asyncio.Future[None]) -> None:
        while not loading.done():  # Without its processes the load fails soon.
            await asyncio.to_thread(self._processes.end, _END_SECONDS)
            await asyncio.wait({loading}, timeout=_LOOK_SECONDS)
        loading.exception()  # Known and of no interest.
        await self.stop()

    async def stop(self) -> None:
        """Ends the engine and every process it left behind, even when it is dead or wedged.

        Raises EngineError when processes do not die (a driver holds them).
        """
        llm, self._llm = self._llm, None
        gone = await asyncio.to_thread(self._end, llm)
        if not gone:
            raise EngineError(f"the engine's processes {self.process_ids} do not die; restart the machine")

    async def generate(self, prompt_token_ids: Sequence[int], sampling: Sampling) -> AsyncGenerator[Completion, None]:
        """Streams the completion. A prompt that leaves no room gets an empty one, ended by LENGTH.

        Raises EngineError when the engine dies; what vLLM raises at a request it refuses passes
        through (a mistake in the caller, such as an id outside the vocabulary).
        """
        llm = self._running()
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        room_tokens = min(sampling.max_tokens, self._context_tokens - len(prompt_token_ids))
        if room_tokens < 1:
            yield Completion((), "", FinishReason.LENGTH)
            return
        reader = OutputReader(self.tokenizer, sampling)
        params = _vllm_params(sampling, room_tokens)
        request_id = f"{self._processes.mark[:8]}-{next(self._request_numbers)}"
        outputs = llm.generate({"prompt_token_ids": list(prompt_token_ids)}, params, request_id)
        finished = False
        try:
            async for output in outputs:
                finished = output.finished
                # Flat log-probabilities, which read() does not know, come only where vLLM is told to.
                yield reader.read(output.outputs[0])  # pyright: ignore[reportArgumentType]
        except (EngineDeadError, EngineGenerateError) as error:
            finished = True
            raise EngineError(f"vLLM's engine died: {_exits(llm) or error.__cause__ or error}") from error
        finally:
            if not finished:
                await outputs.aclose()
                # vLLM itself forgets a request cancelled while it was being handed over.
                await llm.abort(request_id)

    def _running(self) -> AsyncLLM:
        if self._llm is None:
            raise EngineError("the engine does not run; call start() first")
        return self._llm

    def _load(self) -> None:
        """Runs in a thread."""
        settings = self.settings
        with tempfile.TemporaryDirectory(prefix="aimo-engine-") as scratch:
            log_file = settings.log_file or Path(scratch, "vllm.log")
            log_start = log_file.stat().st_size if log_file.exists() else 0
            try:
                with self._environment(Path(scratch), log_file):
                    tokenizer, llm = HfTokenizer(settings.model), _build(settings)
            except EngineLoadError:
                raise
            # vLLM, torch and the drivers raise whatever they like here.
            except Exception as error:
                cause = failure_cause(error, log_file, log_start)
                raise EngineLoadError(
                    f"vLLM cannot load {settings.model} here ({cause}); choose a checkpoint or settings it can run"
                ) from error
        self._tokenizer, self._llm = tokenizer, llm
        self._context_tokens = llm.vllm_config.model_config.max_model_len

    @contextmanager
    def _environment(self, scratch: Path, log_file: Path) -> Iterator[None]:
        """vLLM's settings of this start, inherited by its processes; the engine's mark among them."""
        temporary = self._processes.environment() | {"TQDM_DISABLE": "1", "PYTHONWARNINGS": "ignore"}
        if self.settings.cpu_kvcache_gib is not None:
            temporary["VLLM_CPU_KVCACHE_SPACE"] = str(self.settings.cpu_kvcache_gib)
        if self.settings.enforce_eager:
            # vLLM compiles some functions all the same, such as the one for log-probabilities: in the
            # middle of a run, for minutes on a slow machine, and only where there is a C++ compiler.
            temporary["TORCHDYNAMO_DISABLE"] = "1"
        if "VLLM_LOGGING_CONFIG_PATH" not in os.environ:
            config_file = scratch / "logging.json"
            config_file.write_text(logging_config(log_file))
            temporary["VLLM_LOGGING_CONFIG_PATH"] = str(config_file)
        with _environment_lock:
            for name, value in _QUIET.items():
                os.environ.setdefault(name, value)
            before = {name: os.environ.get(name) for name in temporary}
            os.environ.update(temporary)
            try:
                yield
            finally:
                for name, value in before.items():
                    os.environ.pop(name, None)
                    if value is not None:
                        os.environ[name] = value

    def _end(self, llm: AsyncLLM | None) -> bool:
        """Runs in a thread. Whether all processes are gone."""
        # With requests in flight nobody waits for a polite end, and a wedged engine has none.
        if llm is not None and not llm.errored and not llm.output_processor.get_num_unfinished_requests():
            llm.shutdown()
        gone = self._processes.end(_END_SECONDS)
        if llm is not None:
            llm.shutdown()
            # Its __del__ shuts down once more: at Python's end, where half of Python is gone, it fails loudly.
            vars(llm)["shutdown"] = _nothing
        return gone


def _build(settings: VllmSettings) -> AsyncLLM:
    # vLLM takes seconds to import and is not there on every machine.
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.platforms import current_platform
    from vllm.v1.engine.async_llm import AsyncLLM

    arguments = AsyncEngineArgs(
        model=str(settings.model),
        dtype=settings.dtype,  # pyright: ignore[reportArgumentType]
        quantization=settings.quantization,
        tensor_parallel_size=settings.tensor_parallel_size,
        max_model_len=settings.max_model_len,  # pyright: ignore[reportArgumentType]
        max_num_seqs=settings.max_num_seqs,
        gpu_memory_utilization=settings.gpu_memory_utilization,
        kv_cache_dtype=settings.kv_cache_dtype,  # pyright: ignore[reportArgumentType]
        enable_prefix_caching=settings.enable_prefix_caching,
        stream_interval=settings.stream_interval,
        enforce_eager=settings.enforce_eager,
        seed=settings.seed,
        speculative_config=settings.speculative,
        worker_extension_cls=_TELLS_WEIGHTS if settings.tells_weights else "",
        # vLLM 0.32 dies on a CPU ("CPU Generator does not use offset") when it cuts the prompt of a seeded
        # request into chunks, as it does when many begin at once.
        enable_chunked_prefill=False if current_platform.is_cpu() else None,
        use_tqdm_on_load=False,
        # Speculation is counted there and nowhere else.
        disable_log_stats=settings.speculative is None,
        enable_log_requests=False,
    )
    return AsyncLLM.from_engine_args(arguments)


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


def _nothing(timeout: float | None = None) -> None:
    """In the place of a shutdown that is over."""


def _exits(llm: AsyncLLM) -> str:
    """How the engine's processes ended, as far as vLLM knows."""
    manager: Any = getattr(getattr(llm.engine_core, "resources", None), "engine_manager", None)
    exits: dict[str, int] = manager.finished_procs() if hasattr(manager, "finished_procs") else {}
    return ", ".join(f"{name} exit code {code}" for name, code in exits.items())
