"""Method studies: several methods, or several budgets of one, on the same problems with one engine.

Guarantees: the engine is loaded once; every method has a run folder of its own under `out`, and a
finished one is not run again; at each token limit every method may generate the same number of tokens
per problem, branches and judging included.

Not guaranteed: the limit to the token. Rollouts that run when it is reached are cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from aimo_solver.app.options import RunOptions, require_one_engine, scorer_path
from aimo_solver.app.run import begun_run, resume, run_set
from aimo_solver.app.runtime import OpenRuntime, Runtime, open_runtime
from aimo_solver.config.settings import Preset
from aimo_solver.errors import InputError
from aimo_solver.problems.problem_set import ProblemSet
from aimo_solver.reports.scaling import Budget, Scaling, measure_scaling
from aimo_solver.runs.reader import LoggedRun, read_run
from aimo_solver.utils.files import make_folder
from aimo_solver.utils.log import console_log


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What every method of a study is given."""

    problem_set: ProblemSet
    runs: int
    at_once: int
    out: Path
    console: Console
    open_runtime: OpenRuntime = open_runtime


@dataclass(frozen=True, slots=True)
class Method:
    """A preset with its name, for one model on one machine."""

    name: str
    options: RunOptions


async def study_methods(
    methods: Sequence[Method], limits_tokens: Sequence[int], study: Study
) -> dict[tuple[str, int], LoggedRun]:
    """Returns the runs by method and limit. Raises InputError."""
    wanted = {
        (method.name, limit): replace(method.options, preset=limited(method.options.preset, limit))
        for method in methods
        for limit in limits_tokens
    }
    runs = await _run_all({f"{name}-{limit}": options for (name, limit), options in wanted.items()}, study)
    return {(name, limit): runs[f"{name}-{limit}"] for name, limit in wanted}


async def study_budgets(options: RunOptions, budgets: Sequence[Budget], study: Study) -> Scaling:
    """Runs s1's sweep: the same rollouts, forced to think for each budget."""
    wanted = {
        f"{budget.max_tokens}-tokens-{budget.waits}-waits": replace(options, preset=_forced(options.preset, budget))
        for budget in budgets
    }
    runs = await _run_all(wanted, study)
    return measure_scaling([(b, run.solutions) for b, run in zip(budgets, runs.values(), strict=True)])


def limited(preset: Preset, tokens: int) -> Preset:
    """Returns the method limited to `tokens` per problem; no rollout may plan for more."""
    rollout, judge = preset.rollout, preset.genselect
    if judge is not None:  # It comes last, in one prompt, and needs tokens to be left.
        judging = judge.judgings * judge.max_tokens
        if judging > tokens / 2:
            raise InputError(f"tokens must be at least {2 * judging}, twice what judging may take, got {tokens}")
        tokens -= judging
        judge = replace(judge, max_candidates=min(judge.max_candidates, judge.window))
    return replace(
        preset,
        policy=replace(preset.policy, max_tokens=tokens),
        genselect=judge,
        rollout=replace(rollout, max_tokens=min(rollout.max_tokens, tokens)),
    )


def _forced(preset: Preset, budget: Budget) -> Preset:
    """Returns the method with that budget for thinking; what asking for the answer may take comes on top of it."""
    rollout = preset.rollout
    asking = min(rollout.flush_tokens, budget.max_tokens)
    return replace(preset, rollout=replace(rollout, max_tokens=budget.max_tokens + asking, waits=budget.waits))


async def _run_all(wanted: dict[str, RunOptions], study: Study) -> dict[str, LoggedRun]:
    require_one_engine(list(wanted.values()))
    make_folder(study.out)
    async with AsyncExitStack() as stack:
        runtime: Runtime | None = None
        runs: dict[str, LoggedRun] = {}
        for name, options in wanted.items():
            run = begun_run(study.out / name, options, study.problem_set, study.runs)
            if run is None or len(run.solutions) < study.runs * len(study.problem_set.problems):
                if runtime is None:
                    runtime = await stack.enter_async_context(_open(_first_with_scorer(wanted), study))
                study.console.rule(name)
                run = await _run(study.out / name, options, study, runtime, run)
            runs[name] = run
    return runs


def _first_with_scorer(wanted: dict[str, RunOptions]) -> RunOptions:
    """The scorer is loaded with the engine, so a method that has one opens it."""
    found = list(wanted.values())
    return next((options for options in found if scorer_path(options.preset) is not None), found[0])


def _open(options: RunOptions, study: Study) -> AbstractAsyncContextManager[Runtime]:
    ends_at = asyncio.get_running_loop().time() + options.limits.total_seconds
    return study.open_runtime(options, console_log(study.console), ends_at, engine_log=study.out / "engine.log")


async def _run(place: Path, options: RunOptions, study: Study, runtime: Runtime, begun: LoggedRun | None) -> LoggedRun:
    if begun is not None:
        outcome = await resume(begun.path, study.console, runtime=runtime)
    else:
        outcome = await run_set(
            options,
            study.problem_set,
            place,
            study.console,
            runs=study.runs,
            at_once=study.at_once,
            runtime=runtime,
        )
    return read_run(outcome.folder)
