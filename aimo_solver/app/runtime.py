"""Workshop: what problems are answered with, chosen by settings: an engine, a sandbox, a solver.

Guarantees: whatever can be checked before the model is loaded is checked before; a workshop that is
closed leaves no process behind, also when it is closed while it loads.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from aimo_solver.app.doctor import Finding, Patient, diagnose
from aimo_solver.app.options import RunOptions, chosen_policy, require_one_engine, scorer_path
from aimo_solver.config.settings import GenSelectSettings, Preset
from aimo_solver.dialects import find_dialect
from aimo_solver.engine.base import Engine, ManagedEngine, MeasurableEngine, Scorer, Tokenizer
from aimo_solver.engine.checkpoint import check_checkpoint
from aimo_solver.engine.supervised import SupervisedEngine
from aimo_solver.engine.vllm.engine import VllmEngine
from aimo_solver.engine.vllm.scorer import VllmScorer
from aimo_solver.engine.vllm.settings import ScorerSettings, VllmSettings
from aimo_solver.errors import EngineError, EngineLoadError, InputError, SandboxError
from aimo_solver.rollouts.base import RolloutSource
from aimo_solver.rollouts.engine_rollouts import EngineRollouts
from aimo_solver.rollouts.recorded import RecordedRollouts
from aimo_solver.rollouts.search.search_rollouts import SearchRollouts, TreeFinished, forget_tree
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.sandbox.base import Sandbox
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from aimo_solver.solver.observer import Observer
from aimo_solver.solver.solver import Solver
from aimo_solver.utils.log import Log
from aimo_solver.voting import TieBreak, find_vote_rule
from aimo_solver.voting.genselect import GenerativeSelector
from aimo_solver.voting.selection import Selector

TRIAL = "1 + 1?"
LOAD_PAUSE_SECONDS = 5.0
"""A dead driver or a dead process may need them to let go of the memory."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """An engine and a sandbox that are ready, and the solvers that work with them."""

    options: RunOptions
    engine: SupervisedEngine
    sandbox: Sandbox
    log: Log
    load_seconds: float
    """The sandbox's first fork included."""
    scorer: Scorer | None = None
    """Of a search's steps."""

    def make_solver(
        self, observer: Observer, kept: Sequence[Trajectory] = (), tree_finished: TreeFinished = forget_tree
    ) -> Solver:
        """One solves a problem at a time. `kept`: rollouts that ended in an earlier process."""
        options, preset = self.options, self.options.preset
        rollouts = self._rollouts(observer, tree_finished)
        return Solver(
            RecordedRollouts(rollouts, kept) if kept else rollouts,
            chosen_policy(preset.policy),
            options.rule,
            options.seed,
            TieBreak(preset.tie_break),
            find_vote_rule(preset.vote),
            observer,
            options.limits.problem_seconds,
            _selector(preset.genselect, self.engine, self.log),
        )

    def _rollouts(self, observer: Observer, tree_finished: TreeFinished) -> RolloutSource:
        preset, rule = self.options.preset, self.options.rule
        dialect = find_dialect(preset.dialect)
        if preset.search is None:
            return EngineRollouts(self.engine, self.sandbox, dialect, preset.rollout, rule, observer, self.log)
        return SearchRollouts(
            self.engine,
            self.sandbox,
            dialect,
            preset.rollout,
            preset.search,
            rule,
            scorer=self.scorer,
            observer=observer,
            log=self.log,
            tree_finished=tree_finished,
        )

    def refitted(self, options: RunOptions, log: Log) -> Workshop:
        """The same engine for other methods. Raises InputError for what would need another engine."""
        require_one_engine([self.options, options])
        wanted = scorer_path(options.preset)
        if wanted is not None and self.scorer is None:
            raise InputError(f"the scorer {wanted} was not loaded with the engine; open it with a method that has one")
        _require_fits(options.preset, self.engine.tokenizer)
        return replace(self, options=options, log=log, scorer=None if wanted is None else self.scorer)

    @property
    def measurable_engine(self) -> MeasurableEngine:
        """The engine that runs now. Only for a runtime that was opened with `measured=True`."""
        engine = self.engine.engine
        assert isinstance(engine, VllmEngine) and engine.settings.reports_weights, "open the runtime with measured=True"
        return engine


@asynccontextmanager
async def open_workshop(
    options: RunOptions,
    log: Log,
    ends_at: float,
    engine_log: Path | None = None,
    load_attempts: int = 1,
    *,
    measured: bool = False,
    needs_scorer: bool = True,
) -> AsyncIterator[Workshop]:
    """Loads the engine, before `ends_at` (loop time) at the latest, and ends it again.

    `measured`: the engine can tell of its weights. `needs_scorer`: without it a search would be another
    method; a contest would rather have that one than none.
    """
    hardware, preset = options.hardware, options.preset
    scorer = _make_scorer(options, engine_log)
    scorer_share = 0.0 if scorer is None else scorer.settings.gpu_memory_utilization
    settings = VllmSettings(
        model=options.model,
        dtype=hardware.dtype,
        tensor_parallel_size=hardware.tensor_parallel,
        max_model_len=hardware.max_model_len,
        max_num_seqs=hardware.max_num_seqs,
        gpu_memory_utilization=hardware.gpu_memory_utilization - scorer_share,
        kv_cache_dtype=hardware.kv_cache_dtype,
        stream_interval=hardware.stream_interval,
        enforce_eager=hardware.enforce_eager,
        cpu_kvcache_gib=hardware.cpu_kvcache_gib,
        load_seconds=hardware.load_seconds,
        speculative=hardware.speculative,
        reports_weights=measured,
        log_file=engine_log,
    )
    make_engine: Callable[[], ManagedEngine] = lambda: VllmEngine(settings)  # noqa: E731
    engine = SupervisedEngine(make_engine, stall_seconds=hardware.stall_seconds, log=log)
    sandbox = ProcessSandbox(memory_bytes=preset.sandbox_memory_bytes)
    begun = asyncio.get_running_loop().time()
    async with AsyncExitStack() as stack:  # Each is ended, in the opposite order, whatever ending another raises.
        stack.push_async_callback(engine.stop)
        if scorer is not None:
            stack.push_async_callback(scorer.stop)
        stack.push_async_callback(sandbox.close)
        try:
            async with asyncio.timeout_at(ends_at):
                await _log_layers(sandbox, log)  # Before the engine takes the machine.
                await _load(engine, load_attempts, log)
                if scorer is not None and not await _load_scorer(scorer, log, needed=needs_scorer):
                    scorer = None
        except TimeoutError:
            raise InputError(
                f"the limit of {options.limits.total_seconds:g} s was over before the model had loaded; raise it"
            ) from None
        load_seconds = asyncio.get_running_loop().time() - begun
        log(f"engine loaded {options.model} in {load_seconds:.1f} s")
        _require_fits(preset, engine.tokenizer)
        yield Workshop(options, engine, sandbox, log, load_seconds, scorer)


async def _load_scorer(scorer: VllmScorer, log: Log, *, needed: bool) -> bool:
    """Whether it runs. Raises EngineLoadError where it is needed and does not."""
    try:
        await scorer.start()
    except EngineError as error:
        if needed:
            raise
        log(f"the search goes on without its scorer: {error}")
        return False
    return True


def _make_scorer(options: RunOptions, log_file: Path | None) -> VllmScorer | None:
    """Of the search's steps, where one is named."""
    path, search = scorer_path(options.preset), options.preset.search
    if path is None or search is None:
        return None
    hardware = options.hardware
    on_cpu = hardware.cpu_kvcache_gib is not None
    return VllmScorer(
        ScorerSettings(
            path,
            dtype=hardware.dtype,
            tensor_parallel_size=hardware.tensor_parallel,
            max_model_len=hardware.max_model_len,
            max_num_seqs=hardware.max_num_seqs,
            gpu_memory_utilization=search.scorer_memory_share,
            enforce_eager=hardware.enforce_eager,
            cpu_kvcache_gib=hardware.cpu_kvcache_gib,
            # vLLM would put both models on the same core.
            cpu_cores=str(max(os.sched_getaffinity(0))) if on_cpu else None,
            load_seconds=hardware.load_seconds,
            log_file=log_file,
        )
    )


def _require_fits(preset: Preset, tokenizer: Tokenizer) -> None:
    """Refuses a tokenizer that cannot express the dialect, or has no template to ask a judge with."""
    find_dialect(preset.dialect).encode_prompt(TRIAL, tokenizer)
    if preset.genselect is not None:
        tokenizer.encode_chat([{"role": "user", "content": TRIAL}])


def _selector(settings: GenSelectSettings | None, engine: Engine, log: Log) -> Selector | None:
    return None if settings is None else GenerativeSelector(engine, settings, log)


def examine(patient: Patient) -> list[Finding]:
    """Whether a workshop could be opened here: the doctor's findings, in seconds."""
    return diagnose(patient, check_checkpoint, _layers)


def _layers() -> dict[str, str]:
    async def probe() -> dict[str, str]:
        sandbox = ProcessSandbox(preload=())
        try:
            return await sandbox.layers()
        finally:
            await sandbox.close()

    try:
        return asyncio.run(probe())
    except SandboxError as error:
        return {"sandbox": f"off: {error}"}


async def _load(engine: SupervisedEngine, attempts: int, log: Log) -> None:
    for attempt in range(1, attempts + 1):
        try:
            await engine.start()
        except EngineLoadError as error:
            if attempt == attempts:
                raise
            log(f"loading failed ({error}); attempt {attempt} of {attempts}")
            await asyncio.sleep(LOAD_PAUSE_SECONDS)
        else:
            return


async def _log_layers(sandbox: ProcessSandbox, log: Log) -> None:
    """Says what holds code in. Without a sandbox rollouts can still answer, so its failure is logged only."""
    try:
        layers = await sandbox.layers()
    except SandboxError as error:
        log(f"no code will run: {error}")
    else:
        log("sandbox layers: " + ", ".join(f"{name} {state}" for name, state in layers.items()))
