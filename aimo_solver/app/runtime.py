"""Runtime: an engine, a sandbox and the solvers on them, chosen by settings.

Guarantees: whatever can be checked before the model is loaded is checked before; a runtime that is
closed leaves no process behind, also when it is closed while it loads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from aimo_solver.app.canary import AskEngine, ask_canary, asking
from aimo_solver.app.dialects import load_dialect
from aimo_solver.app.engine_settings import engine_settings, scorer_settings
from aimo_solver.app.fit import known_context, require_fits, require_prompt_fits, tokenizer_notes
from aimo_solver.app.ladder import Ladder, Patience, rungs_of
from aimo_solver.app.options import RunOptions, make_run_policy, require_one_engine, scorer_path
from aimo_solver.config.settings import Hardware
from aimo_solver.dialects.dialect import Dialect
from aimo_solver.engine.base import ManagedEngine, ManagedScorer, MeasurableEngine, Scorer, Tokenizer
from aimo_solver.engine.number_format import SLOW_ON_CPU, read_number_format
from aimo_solver.engine.supervised import SupervisedEngine
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.engine.vllm.engine import VllmEngine
from aimo_solver.engine.vllm.scorer import VllmScorer
from aimo_solver.engine.vllm.settings import ScorerSettings, VllmSettings
from aimo_solver.errors import EngineError, InputError, SandboxError
from aimo_solver.rollouts.base import RolloutSource
from aimo_solver.rollouts.engine_rollouts import EngineRollouts
from aimo_solver.rollouts.parts import RolloutParts
from aimo_solver.rollouts.recorded import RecordedRollouts
from aimo_solver.rollouts.search.search_rollouts import SearchRollouts, TreeFinished, forget_tree
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.sandbox.base import Sandbox
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from aimo_solver.solver.observer import Observer
from aimo_solver.solver.solver import Solver
from aimo_solver.utils.log import Log
from aimo_solver.voting import VOTE_RULES, VoteCounter
from aimo_solver.voting.genselect import GenerativeSelector

LOAD_PAUSE_SECONDS: Final = 5.0
"""Before another attempt to load: a dead driver or process may need it to release the memory."""
LADDER_SHARE: Final = 0.2
"""Of the time, in which other settings may be tried."""

MakeEngine = Callable[[VllmSettings], ManagedEngine]
MakeScorer = Callable[[ScorerSettings], ManagedScorer]
MakeSandbox = Callable[..., Sandbox]
"""Takes `memory_bytes`, the memory limit of a session."""
ReadTokenizer = Callable[[Path], Tokenizer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A loaded engine and a sandbox, and the solvers that work with them."""

    options: RunOptions
    dialect: Dialect
    engine: SupervisedEngine
    sandbox: Sandbox
    log: Log
    load_seconds: float
    """Includes the sandbox's first fork, but not the canary."""
    scorer: Scorer | None = None
    """Scores a search's steps."""

    @property
    def measurable_engine(self) -> MeasurableEngine:
        """The engine that runs now. Only for a runtime that was opened with `measured=True`."""
        engine = self.engine.engine
        assert isinstance(engine, VllmEngine) and engine.settings.reports_weights, "open the runtime with measured=True"
        return engine

    def make_solver(
        self, observer: Observer, recorded: Sequence[Trajectory] = (), tree_finished: TreeFinished = forget_tree
    ) -> Solver:
        """Returns a solver of one problem at a time. `recorded`: rollouts that ended in an earlier process."""
        options, preset = self.options, self.options.preset
        rollouts = self._rollouts(observer, tree_finished)
        judge = preset.genselect
        return Solver(
            rollouts=RecordedRollouts(rollouts, recorded) if recorded else rollouts,
            policy=make_run_policy(preset.policy),
            rule=options.rule,
            base_seed=options.seed,
            votes=VoteCounter(VOTE_RULES[preset.vote], tie_break=preset.tie_break, accepted=options.rule, log=self.log),
            observer=observer,
            max_seconds=options.limits.problem_seconds,
            selector=None if judge is None else GenerativeSelector(self.engine, judge, self.log),
            log=self.log,
        )

    def _rollouts(self, observer: Observer, tree_finished: TreeFinished) -> RolloutSource:
        preset = self.options.preset
        parts = RolloutParts(
            engine=self.engine,
            sandbox=self.sandbox,
            dialect=self.dialect,
            settings=preset.rollout,
            rule=self.options.rule,
            forms=preset.answers.forms,
            prompt=self.options.prompt,
            observer=observer,
            log=self.log,
        )
        if preset.search is None:
            return EngineRollouts(parts)
        return SearchRollouts(parts, search=preset.search, scorer=self.scorer, tree_finished=tree_finished)

    def refitted(self, options: RunOptions, log: Log) -> Runtime:
        """Returns the same engine set up for another method. Raises InputError for what would need another engine."""
        require_one_engine([self.options, options])
        wanted = scorer_path(options.preset)
        if wanted is not None and self.scorer is None:
            raise InputError(f"the scorer {wanted} was not loaded with the engine; name a method that has it first")
        dialect = load_dialect(options.preset.dialect, options.model)
        prompt_tokens = require_fits(options, dialect, self.engine.tokenizer)
        require_prompt_fits(prompt_tokens, self.engine.context_tokens)
        return replace(self, options=options, dialect=dialect, log=log, scorer=None if wanted is None else self.scorer)


OpenRuntime = Callable[..., AbstractAsyncContextManager[Runtime]]
"""`open_runtime`, or a partial of it with another engine or sandbox."""


@asynccontextmanager
async def open_runtime(
    options: RunOptions,
    log: Log,
    ends_at: float,
    *,
    engine_log: Path | None = None,
    load_attempts: int = 1,
    load_pause_seconds: float = LOAD_PAUSE_SECONDS,
    climbs: bool = False,
    measured: bool = False,
    needs_scorer: bool = True,
    canary: AskEngine | None = ask_canary,
    make_engine: MakeEngine = VllmEngine,
    make_scorer: MakeScorer = VllmScorer,
    make_sandbox: MakeSandbox = ProcessSandbox,
    read_tokenizer: ReadTokenizer = HfTokenizer,
) -> AsyncGenerator[Runtime]:
    """Loads the engine before `ends_at` (loop time), and ends it again.

    `climbs`: settings that do not start or fail the canary are replaced by the next of the hardware's ladder;
    otherwise a start that fails is an error and a canary that fails a warning, since a measurement is of the settings
    that were named. `measured`: the engine is able to report its weights. `needs_scorer`: without its scorer a
    search would be another method; a contest would rather run that one than none.
    """
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    settings_of_scorer = scorer_settings(options, log_file=engine_log)
    share = 0.0 if settings_of_scorer is None else settings_of_scorer.gpu_memory_utilization

    def make_supervised(hardware: Hardware) -> SupervisedEngine:
        settings = engine_settings(options.model, hardware, measured=measured, log_file=engine_log)
        settings = replace(settings, gpu_memory_utilization=settings.gpu_memory_utilization - share)
        return SupervisedEngine(lambda: make_engine(settings), stall_seconds=hardware.stall_seconds, log=log)

    patience = Patience(
        attempts=load_attempts,
        pause_seconds=load_pause_seconds,
        give_up_at=started_at + LADDER_SHARE * (ends_at - started_at),
    )
    if measured and options.hardware.speculative:
        canary = None  # The drafts of its answers would count as the runs'.
    dialect = load_dialect(options.preset.dialect, options.model)
    tokenizer = read_tokenizer(options.model)
    prompt_tokens = require_fits(options, dialect, tokenizer)
    require_prompt_fits(prompt_tokens, known_context(options.model, options.hardware))
    asked = None if canary is None else asking(options.preset, canary, log, dialect=dialect, prompt=options.prompt)
    rungs = rungs_of(options.hardware)[: None if climbs else 1]
    ladder = Ladder(rungs, make_supervised, ask=asked, patience=patience, log=log)
    scorer = None if settings_of_scorer is None else make_scorer(settings_of_scorer)
    sandbox = make_sandbox(memory_bytes=options.preset.sandbox_memory_bytes)
    log(options.description)
    for note in tokenizer_notes(tokenizer, dialect):
        log(f"warning: {note}")
    if options.hardware.cpu_kvcache_gib is not None and read_number_format(options.model).slow_on_cpu:
        log(SLOW_ON_CPU)
    async with AsyncExitStack() as stack:  # Each is ended, in the opposite order, whatever ending another raises.
        stack.push_async_callback(ladder.stop)
        if scorer is not None:
            stack.push_async_callback(scorer.stop)
        stack.push_async_callback(sandbox.close)
        try:
            async with asyncio.timeout_at(ends_at):
                await _log_layers(sandbox, log)  # Before the engine takes the machine.
                engine, hardware = await ladder.climb()
                if scorer is not None and not await _load_scorer(scorer, log, needed=needs_scorer):
                    scorer = None
        except TimeoutError:
            raise InputError(
                f"the limit of {options.limits.total_seconds:g} s was over before the model had loaded; raise it"
            ) from None
        load_seconds = loop.time() - started_at - ladder.canary_seconds
        log(f"engine loaded in {load_seconds:.1f} s")
        _log_context(engine.context_tokens, hardware, log)
        require_prompt_fits(prompt_tokens, engine.context_tokens)
        yield Runtime(
            options=replace(options, hardware=hardware),
            dialect=dialect,
            engine=engine,
            sandbox=sandbox,
            log=log,
            load_seconds=load_seconds,
            scorer=scorer,
        )


async def _load_scorer(scorer: ManagedScorer, log: Log, *, needed: bool) -> bool:
    """Returns whether it runs. Raises EngineLoadError where it is needed and does not."""
    try:
        await scorer.start()
    except EngineError as error:
        if needed:
            raise
        log(f"the search continues without its scorer: {error}")
        return False
    return True


def _log_context(context_tokens: int, hardware: Hardware, log: Log) -> None:
    wanted = hardware.max_model_len
    if wanted is not None and context_tokens < wanted:
        log(f"max_model_len {wanted:,} is more than the checkpoint has: its context is {context_tokens:,} tokens")


async def _log_layers(sandbox: Sandbox, log: Log) -> None:
    """Logs what holds code in. Without a sandbox rollouts can still answer, so its failure is only logged."""
    try:
        layers = await sandbox.layers()
    except SandboxError as error:
        log(f"no code will run: {error}")
    else:
        log("sandbox layers: " + ", ".join(f"{name} {state}" for name, state in layers.items()))


@asynccontextmanager
async def open_sandbox() -> AsyncGenerator[Sandbox]:
    """Opens the sandbox that runs use, alone."""
    sandbox = ProcessSandbox()
    try:
        yield sandbox
    finally:
        await sandbox.close()


def probe_layers() -> dict[str, str]:
    """Starts a sandbox and returns what holds code in: each layer's name and state. Raises SandboxError."""

    async def probe() -> dict[str, str]:
        sandbox = ProcessSandbox(preload=())
        try:
            return await sandbox.layers()
        finally:
            await sandbox.close()

    return asyncio.run(probe())


def sandbox_layers() -> dict[str, str]:
    """Returns what `probe_layers` does; where no sandbox starts, why."""
    try:
        return probe_layers()
    except SandboxError as error:
        return {"sandbox": f"off: {error}"}
