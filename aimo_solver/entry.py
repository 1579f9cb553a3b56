"""Wiring: settings in, engine and sandbox and solver put together, a problem set answered.

The only place, beside the command line, that chooses implementations. Guarantees: whatever can be
checked before the model is loaded is checked before; once it is loaded, `submission.parquet` holds
an integer for every problem, also when the run is interrupted; the engine's processes are ended.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from aimo_solver import __version__
from aimo_solver.bundled import DEMO_MODEL, DEMO_SET
from aimo_solver.dialects import find_dialect
from aimo_solver.engine import ManagedEngine
from aimo_solver.engines.checkpoint_files import check_checkpoint
from aimo_solver.engines.supervised_engine import EngineRestart, SupervisedEngine
from aimo_solver.engines.vllm_engine import VllmEngine
from aimo_solver.engines.vllm_settings import VllmSettings
from aimo_solver.errors import AimoError, InputError, SandboxError
from aimo_solver.ledger import Ledger
from aimo_solver.observer import Observer
from aimo_solver.policies import make_policy
from aimo_solver.policies.adjusted import AdjustedPolicy
from aimo_solver.policies.policy import Policy
from aimo_solver.problem import AnswerRule, answer_rule
from aimo_solver.problem_set import ProblemSet, load_problem_set
from aimo_solver.replay import RunLimits, replay
from aimo_solver.reports.live import LiveLines
from aimo_solver.reports.table import run_table
from aimo_solver.rollout import EngineRollouts
from aimo_solver.run_folder import RunFolder, new_run_path
from aimo_solver.sandboxes.process_sandbox import ProcessSandbox
from aimo_solver.settings import CodeMode, Hardware, PolicySettings, Preset, load_hardware, load_preset
from aimo_solver.solution import Solution
from aimo_solver.solver import Solver
from aimo_solver.submission import check_submission_path, write_submission
from aimo_solver.summary import summarise
from aimo_solver.voting import TieBreak

DEFAULT_LIMIT_SECONDS = 5 * 3600.0
DEFAULT_RESERVE_SECONDS = 30.0
INTERRUPTED = 130
"""The shell's exit code for Ctrl-C."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Everything a run is made of."""

    model: Path
    preset: Preset
    hardware: Hardware
    rule: AnswerRule
    seed: int
    limits: RunLimits


def run_options(
    *,
    model: Path,
    preset: str,
    hardware: str,
    edition: str,
    seed: int,
    limit_seconds: float,
    rollouts: int | None = None,
    early_stop: bool = True,
    code: CodeMode | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> RunOptions:
    """The options, all checked. Raises InputError."""
    check_checkpoint(model)
    chosen = load_preset(preset)
    policy = replace(chosen.policy, early_stop=early_stop and chosen.policy.early_stop)
    if rollouts is not None:
        policy = replace(policy, rollouts=rollouts)
    changes = {"code": code, "temperature": temperature, "max_tokens": max_tokens}
    chosen = replace(
        chosen,
        policy=policy,
        rollout=replace(chosen.rollout, **{name: value for name, value in changes.items() if value is not None}),
    )
    _check_preset(chosen, preset)
    reserve_seconds = min(DEFAULT_RESERVE_SECONDS, 0.05 * limit_seconds)
    Ledger(0.0, limit_seconds, reserve_seconds)  # Refuses a limit that cannot be.
    return RunOptions(
        model,
        chosen,
        load_hardware(hardware),
        answer_rule(edition),
        seed,
        RunLimits(limit_seconds, reserve_seconds),
    )


def _policy(settings: PolicySettings) -> Policy:
    policy = make_policy(settings.name, settings.settings)
    return AdjustedPolicy(policy, rollouts=settings.rollouts, early_stop=settings.early_stop)


def _check_preset(preset: Preset, name: str) -> None:
    try:
        find_dialect(preset.dialect)
        _policy(preset.policy)
        if preset.tie_break not in set(TieBreak):
            raise InputError(f"tie_break must be one of {', '.join(TieBreak)}, got {preset.tie_break!r}")
    except InputError as error:
        raise InputError(f"preset {name}: {error}") from None


@dataclass(frozen=True, slots=True)
class Workshop:
    """A solver that is ready, and the engine behind it."""

    solver: Solver
    engine: SupervisedEngine


@asynccontextmanager
async def open_workshop(
    options: RunOptions,
    observer: Observer,
    log: Callable[[str], None],
    ends_at: float,
    engine_log: Path | None = None,
) -> AsyncIterator[Workshop]:
    """Loads the engine, before `ends_at` (loop time) at the latest, and ends it again."""
    hardware, preset = options.hardware, options.preset
    settings = VllmSettings(
        model=options.model,
        dtype=hardware.dtype,
        tensor_parallel_size=hardware.tensor_parallel,
        max_model_len=hardware.max_model_len,
        max_num_seqs=hardware.max_num_seqs,
        gpu_memory_utilization=hardware.gpu_memory_utilization,
        kv_cache_dtype=hardware.kv_cache_dtype,
        stream_interval=hardware.stream_interval,
        enforce_eager=hardware.enforce_eager,
        cpu_kvcache_gib=hardware.cpu_kvcache_gib,
        load_seconds=hardware.load_seconds,
        log_file=engine_log,
    )
    make_engine: Callable[[], ManagedEngine] = lambda: VllmEngine(settings)  # noqa: E731
    engine = SupervisedEngine(make_engine, stall_seconds=hardware.stall_seconds, log=log)
    sandbox = ProcessSandbox(memory_bytes=preset.sandbox_memory_bytes)
    begun = asyncio.get_running_loop().time()
    try:
        try:
            async with asyncio.timeout_at(ends_at):
                await _log_layers(sandbox, log)  # Before the engine takes the machine.
                await engine.start()
        except TimeoutError:
            raise InputError(
                f"the limit of {options.limits.total_seconds:g} s was over before the model had loaded; raise it"
            ) from None
        log(f"engine loaded {options.model} in {asyncio.get_running_loop().time() - begun:.1f} s")
        yield Workshop(
            Solver(
                EngineRollouts(engine, sandbox, find_dialect(preset.dialect), preset.rollout, options.rule, observer),
                _policy(preset.policy),
                options.rule,
                options.seed,
                TieBreak(preset.tie_break),
                observer,
            ),
            engine,
        )
    finally:
        await sandbox.close()
        await engine.stop()


async def _log_layers(sandbox: ProcessSandbox, log: Callable[[str], None]) -> None:
    """Says what holds code in. Without a sandbox rollouts can still answer, so its failure is logged only."""
    try:
        layers = await sandbox.layers()
    except SandboxError as error:
        log(f"no code will run: {error}")
    else:
        log("sandbox layers: " + ", ".join(f"{name} {state}" for name, state in layers.items()))


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """A finished run."""

    folder: Path
    solutions: tuple[Solution, ...]
    restarts: tuple[EngineRestart, ...]

    def to_json(self) -> dict[str, Any]:
        restarts = [asdict(restart) for restart in self.restarts]
        return summarise(self.solutions).to_json() | {"engine_restarts": restarts, "folder": str(self.folder)}


async def run_set(
    options: RunOptions,
    problem_set: ProblemSet,
    runs_folder: Path,
    console: Console,
    *,
    runs: int = 1,
    submission: Path | None = None,
    started_at: float | None = None,
) -> RunOutcome:
    """Answers the set into a new run folder, and writes the submission where one is wanted."""
    begun = asyncio.get_running_loop().time() if started_at is None else started_at
    if submission is not None:
        check_submission_path(submission)
    path = new_run_path(runs_folder, problem_set.name)
    solutions: list[Solution] = []
    _tell_golds(problem_set, options.rule, console)
    loaded = False
    with RunFolder(path, _described(options, problem_set, runs)) as folder:

        def log(line: str) -> None:
            folder.log(line)
            console.print(line, style="dim", soft_wrap=True)

        try:
            log(f"loading {options.model}")
            ends_at = begun + options.limits.total_seconds - options.limits.reserve_seconds
            with LiveLines(console, len(problem_set.problems), runs) as live:
                async with open_workshop(options, live, log, ends_at, path / "engine.log") as workshop:
                    loaded = True
                    await replay(
                        workshop.solver,
                        problem_set,
                        options.limits,
                        folder,
                        runs=runs,
                        started_at=begun,
                        finished=solutions.append,
                    )
            outcome = RunOutcome(path, tuple(solutions), tuple(workshop.engine.restarts))
            folder.finish(outcome.to_json())
        finally:
            if not loaded:
                shutil.rmtree(path, ignore_errors=True)
            elif submission is not None:
                fallback = {problem.id: options.rule.fallback for problem in problem_set.problems}
                write_submission(submission, fallback | {s.problem.id: s.answer for s in solutions})
    return outcome


def _tell_golds(problem_set: ProblemSet, rule: AnswerRule, console: Console) -> None:
    outside = problem_set.golds_outside(rule)
    if outside:
        console.print(f"{outside} of {len(problem_set.problems)} gold answers are outside the rule {rule.name}")


def _described(options: RunOptions, problem_set: ProblemSet, runs: int) -> dict[str, Any]:
    described = asdict(options) | {"model": str(options.model)}
    return {"version": __version__, "problem_set": problem_set.name, "runs": runs} | described


def run_or_exit(run: Callable[[], None]) -> None:
    """Runs; bad input and a broken engine end in one sentence and exit code 1, never in a traceback.

    SIGTERM ends a run as Ctrl-C does: killed outright, it would leave the engine's processes behind.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run()
    except AimoError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was finished is in the run folder\n")
        raise SystemExit(INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def main(started_at: float) -> None:
    """The kernel's command line; `started_at` is time.monotonic() at its first line."""

    def kernel(
        problems: Annotated[Path, typer.Argument(help="A .jsonl or .csv file of problems.")] = DEMO_SET,
        model: Annotated[Path, typer.Option(help="Folder of a checkpoint.")] = DEMO_MODEL,
        preset: Annotated[str, typer.Option(help="A preset's name or TOML file.")] = "demo",
        hardware: Annotated[str, typer.Option(help="Hardware settings' name or TOML file.")] = "cpu",
        edition: Annotated[str, typer.Option(help="Answer rule: any-integer, aimo1, aimo2, aimo3.")] = "aimo3",
        limit_seconds: Annotated[float, typer.Option(help="The whole run, loading included.")] = DEFAULT_LIMIT_SECONDS,
        seed: Annotated[int, typer.Option(help="Base seed of every rollout.")] = 0,
        runs_folder: Annotated[Path, typer.Option(help="Where run folders go.")] = Path("runs"),
        submission: Annotated[Path, typer.Option(help="The file to submit.")] = Path("submission.parquet"),
    ) -> None:
        """Answers a set of problems and writes submission.parquet.

        Example: python kernel.py problems.csv --model /models/my-checkpoint --preset default --hardware cuda
        """
        console = Console()

        def run() -> None:
            problem_set = load_problem_set(problems)
            options = run_options(
                model=model,
                preset=preset,
                hardware=hardware,
                edition=edition,
                seed=seed,
                limit_seconds=limit_seconds,
            )
            outcome = asyncio.run(
                run_set(options, problem_set, runs_folder, console, submission=submission, started_at=started_at)
            )
            console.print(run_table(outcome.solutions, f"{problem_set.name}: {outcome.folder}"))
            console.print(f"{submission}: {len(problem_set.problems)} answers")

        run_or_exit(run)

    typer.run(kernel)
