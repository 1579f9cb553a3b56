"""VllmProcess: starts one vLLM, finds out why it does not start, and ends everything it left behind.

What VllmEngine and VllmScorer have in common. Guarantees:
- the event loop keeps running while the model loads or ends, so that deadlines fire;
- after `stop`, and after a failed `start`, no process of this vLLM is left, even if its core was
  killed (vLLM then leaves the workers) or is wedged;
- several may run in one program; they start one after another;
- vLLM's own log goes to the settings' `log_file`, not to the screen; a failed load raises one
  sentence with the cause found there (Python's traceback of the dead process does reach stderr).

Processes are spawned, never forked, as the program has threads and locks: its main file must guard
its start with `if __name__ == "__main__":`. Known to run on vLLM 0.32.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import os
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aimo_solver.engine.checkpoint import check_checkpoint
from aimo_solver.engine.number_format import unmarked_method
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.engine.vllm.configuration import fitting_context
from aimo_solver.engine.vllm.log import failure_cause, logging_config
from aimo_solver.engine.vllm.process_sweep import EngineProcesses
from aimo_solver.engine.vllm.settings import ModelSettings
from aimo_solver.errors import EngineError, EngineLoadError

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

_END_SECONDS = 30.0
_POLL_SECONDS = 0.2
# vLLM reads its settings from the environment, so only one may start at a time.
_environment_lock = threading.Lock()
_DEFAULTS = {
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TORCH_LOGS": "-all",
    "HF_HUB_OFFLINE": "1",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    # vLLM 0.24 and later would compile FlashInfer's sampler with nvcc at the first load, and not use it: a seeded
    # request is sampled natively.
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
    # load_seconds and SupervisedEngine decide what takes too long, not vLLM's own limits.
    "VLLM_ENGINE_READY_TIMEOUT_S": "86400",
    "VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS": "86400",
}


class VllmProcess:
    """One AsyncLLM, its tokenizer and its processes. Its coroutines all belong to one event loop."""

    def __init__(self, settings: ModelSettings, **arguments: Any) -> None:
        """`arguments` are passed to vLLM's AsyncEngineArgs as they are, in place of those that every model takes."""
        self._settings, self._arguments = settings, arguments
        self._processes = EngineProcesses()
        self._request_numbers = itertools.count()
        self._llm: AsyncLLM | None = None
        self._tokenizer: HfTokenizer | None = None
        self._context_tokens = 0

    @property
    def llm(self) -> AsyncLLM:
        """vLLM itself. Raises EngineError if it does not run."""
        if self._llm is None:
            raise EngineError("the engine does not run; call start() first")
        return self._llm

    @property
    def tokenizer(self) -> HfTokenizer:
        """The checkpoint's tokenizer; available from the first start on, even after `stop`."""
        if self._tokenizer is None:
            raise EngineError("the engine has not been started; call start() first")
        return self._tokenizer

    @property
    def context_tokens(self) -> int:
        """The most tokens of one request; 0 before the first start."""
        return self._context_tokens

    @property
    def ids(self) -> list[int]:
        """Ids of the living processes: the core and its workers."""
        return self._processes.alive()

    @property
    def unfinished_requests(self) -> int:
        """How many requests are neither finished nor aborted in vLLM's front end."""
        return self._llm.output_processor.get_num_unfinished_requests() if self._llm else 0

    def new_request_id(self) -> str:
        """Returns an id that no other request has."""
        return f"{self._processes.mark[:8]}-{next(self._request_numbers)}"

    @contextmanager
    def raising_engine_error(self) -> Generator[None]:
        """Raises EngineError where vLLM reports its death; passes other errors on."""
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        llm = self.llm
        try:
            yield
        except (EngineDeadError, EngineGenerateError) as error:
            raise EngineError(f"vLLM's engine died: {_exits(llm) or error.__cause__ or error}") from error

    async def start(self) -> None:
        """Loads the model. Raises EngineLoadError if the checkpoint cannot be loaded here."""
        if self._llm is not None:
            raise EngineError("the engine is already running; call stop() before starting it again")
        settings = self._settings
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
        while not loading.done():  # Without its processes, loading fails soon.
            await asyncio.to_thread(self._processes.end, _END_SECONDS)
            await asyncio.wait({loading}, timeout=_POLL_SECONDS)
        loading.exception()  # Retrieved, so that asyncio does not warn about it.
        await self.stop()

    async def stop(self) -> None:
        """Ends vLLM and every process it left behind, even if it is dead or wedged.

        Raises EngineError if processes do not die (a driver holds them).
        """
        llm, self._llm = self._llm, None
        gone = await asyncio.to_thread(self._end, llm)
        if not gone:
            raise EngineError(f"the engine's processes {self.ids} do not die; restart the machine")

    def _load(self) -> None:
        """Loads vLLM and the tokenizer, in a thread."""
        settings = self._settings
        with tempfile.TemporaryDirectory(prefix="aimo-engine-") as scratch:
            log_file = settings.log_file or Path(scratch, "vllm.log")
            log_start = log_file.stat().st_size if log_file.exists() else 0
            try:
                with self._environment(Path(scratch), log_file):
                    tokenizer, llm = HfTokenizer(settings.model), self._build()
            except EngineLoadError:
                raise
            # vLLM, torch and the drivers may raise anything here.
            except Exception as error:
                cause = failure_cause(error, log_file, log_start)
                raise EngineLoadError(
                    f"vLLM cannot load {settings.model} here ({cause}); choose a checkpoint or settings it can run"
                ) from error
        # vLLM's own reading of the tokenizer goes by its label and may be wrong (see HfTokenizer), and stop strings
        # are looked for in what it decodes.
        llm.output_processor.tokenizer = tokenizer.backend
        self._tokenizer, self._llm = tokenizer, llm
        self._context_tokens = llm.vllm_config.model_config.max_model_len

    def _build(self) -> AsyncLLM:
        # vLLM takes seconds to import and is not installed on every machine.
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.platforms import current_platform
        from vllm.v1.engine.async_llm import AsyncLLM

        settings = self._settings
        arguments: dict[str, Any] = {
            "model": str(settings.model),
            "dtype": settings.dtype,
            "quantization": settings.quantization or unmarked_method(settings.model),
            "tensor_parallel_size": settings.tensor_parallel_size,
            "max_model_len": settings.max_model_len,
            "max_num_seqs": settings.max_num_seqs,
            "gpu_memory_utilization": settings.gpu_memory_utilization,
            "enable_prefix_caching": settings.enable_prefix_caching,
            "enforce_eager": settings.enforce_eager,
            # vLLM 0.32 dies on a CPU ("CPU Generator does not use offset") when it splits the prompt of a seeded
            # request into chunks, as it does when many requests begin at once.
            "enable_chunked_prefill": False if current_platform.is_cpu() else None,
            "use_tqdm_on_load": False,
            "disable_log_stats": True,
            "enable_log_requests": False,
        }
        # Copied, as vLLM 0.24 writes into the tables that it is given, and a restart needs them as they were.
        arguments |= copy.deepcopy(self._arguments)
        if settings.max_model_len is not None and not os.environ.get("VLLM_ALLOW_LONG_MAX_MODEL_LEN"):
            # vLLM refuses a context that is longer than the checkpoint's own.
            own: dict[str, Any] = copy.deepcopy(arguments) | {"max_model_len": None}
            model = AsyncEngineArgs(**own).create_model_config()
            arguments["max_model_len"] = fitting_context(model, settings.max_model_len)
        return AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))

    @contextmanager
    def _environment(self, scratch: Path, log_file: Path) -> Generator[None]:
        """Sets vLLM's environment variables for this start, the engine's mark included; its processes inherit them."""
        temporary = self._processes.environment() | {"TQDM_DISABLE": "1", "PYTHONWARNINGS": "ignore"}
        if self._settings.cpu_kvcache_gib is not None:
            temporary["VLLM_CPU_KVCACHE_SPACE"] = str(self._settings.cpu_kvcache_gib)
        if self._settings.cpu_cores is not None:
            temporary["VLLM_CPU_OMP_THREADS_BIND"] = self._settings.cpu_cores
        if self._settings.enforce_eager:
            # vLLM still compiles some functions, such as the one for log-probabilities: in the middle of a
            # run, for minutes on a slow machine, and only if there is a C++ compiler.
            temporary["TORCHDYNAMO_DISABLE"] = "1"
        temporary |= self._settings.environment
        if "VLLM_LOGGING_CONFIG_PATH" not in os.environ:
            config_file = scratch / "logging.json"
            config_file.write_text(logging_config(log_file))
            temporary["VLLM_LOGGING_CONFIG_PATH"] = str(config_file)
        with _environment_lock:
            for name, value in _DEFAULTS.items():
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
        """Ends everything, in a thread. Returns whether all processes are gone."""
        # A regular shutdown would wait for requests in flight, and for a wedged engine forever.
        if llm is not None and not llm.errored and not llm.output_processor.get_num_unfinished_requests():
            llm.shutdown()
        gone = self._processes.end(_END_SECONDS)
        if llm is not None:
            llm.shutdown()
            # Its __del__ shuts down once more, and would fail loudly during the interpreter's shutdown.
            vars(llm)["shutdown"] = _nothing
        return gone


def _nothing(timeout: float | None = None) -> None:
    """Replaces a shutdown that is done."""


def _exits(llm: AsyncLLM) -> str:
    """Describes how the engine's processes ended, as far as vLLM knows."""
    manager: Any = getattr(getattr(llm.engine_core, "resources", None), "engine_manager", None)
    exits: dict[str, int] = manager.finished_procs() if hasattr(manager, "finished_procs") else {}
    return ", ".join(f"{name} exit code {code}" for name, code in exits.items())
