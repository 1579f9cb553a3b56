"""Tokens/s of the solver with code off, compared with the bare engine on the same requests.

Prompts, seeds, token counts and output chunking are the same: the solver runs first, then the bare
`AsyncLLM` in the same engine process generates as many tokens as each rollout had (ignoring end-of-turn).
Solver and bare runs alternate, and the figure is the ratio of their medians. Then `LLM.generate`, a batch
call without streaming, handles the same requests in an engine of its own.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from aimo_solver.config.names import CodeMode
from aimo_solver.config.policy_settings import FixedSettings
from aimo_solver.config.settings import RolloutSettings
from aimo_solver.dialects import find_dialect
from aimo_solver.dialects.prompt import Prompt
from aimo_solver.engine.vllm.engine import VllmEngine
from aimo_solver.engine.vllm.settings import VllmSettings
from aimo_solver.policies.fixed import FixedPolicy
from aimo_solver.policies.ledger import Ledger
from aimo_solver.problems.problem import ANY_INTEGER, Problem
from aimo_solver.problems.problem_set import load_problem_set
from aimo_solver.rollouts.engine_rollouts import EngineRollouts
from aimo_solver.rollouts.parts import RolloutParts
from aimo_solver.rollouts.seeds import turn_seed
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from aimo_solver.solver.solver import Solver
from aimo_solver.utils.paths import DEMO_MODEL, DEMO_SET

KV_CACHE_GIB = 1


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A request of the solver, and how many tokens it generated."""

    prompt_token_ids: tuple[int, ...]
    seed: int
    tokens: int


@dataclass(frozen=True, slots=True)
class TokenRate:
    """Tokens generated in a time."""

    tokens: int
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds


class SolverBench:
    """Runs the solver and the bare engine on one engine process."""

    def __init__(self, engine: VllmEngine, problems: Sequence[Problem], rollouts: int) -> None:
        self._engine, self._problems, self._rollouts = engine, problems, rollouts
        self._settings = RolloutSettings(max_tokens=256, code=CodeMode.OFF)

    async def solver(self) -> tuple[TokenRate, list[list[GenerationRequest]]]:
        """Runs the solver once; returns its rate and its requests per problem."""
        loop = asyncio.get_running_loop()
        dialect = find_dialect("numina")
        policy = FixedPolicy(FixedSettings(rollouts=self._rollouts, concurrent=self._rollouts))
        # No flush: the bare engine does not have one.
        settings = replace(self._settings, flush_tokens=1, flush_seconds=0.0)
        solver = Solver(
            rollouts=EngineRollouts(
                RolloutParts(
                    engine=self._engine,
                    sandbox=ProcessSandbox(),
                    dialect=dialect,
                    settings=settings,
                    rule=ANY_INTEGER,
                )
            ),
            policy=policy,
            rule=ANY_INTEGER,
        )
        requests: list[list[GenerationRequest]] = []
        begun = loop.time()
        for problem in self._problems:
            solution = await solver.solve(problem, Ledger(loop.time(), 36_000.0))
            prompt = tuple(dialect.encode_prompt(problem.text, Prompt(), self._engine.tokenizer))
            requests.append(
                [GenerationRequest(prompt, turn_seed(t.seed, 0), t.turns[0].tokens) for t in solution.trajectories]
            )
        return TokenRate(_tokens(requests), loop.time() - begun), requests

    async def bare(self, requests: Sequence[Sequence[GenerationRequest]]) -> TokenRate:
        """Sends the same requests directly to AsyncLLM, problem by problem as well."""
        loop = asyncio.get_running_loop()
        llm: Any = self._engine._process.llm  # pyright: ignore[reportPrivateUsage]  # what the solver goes through
        begun, tokens = loop.time(), 0
        for number, group in enumerate(requests):
            tokens += sum(
                await asyncio.gather(*(self._consume(llm, one, f"{begun}-{number}-{i}") for i, one in enumerate(group)))
            )
        return TokenRate(tokens, loop.time() - begun)

    async def _consume(self, llm: Any, request: GenerationRequest, request_id: str) -> int:
        tokens = 0
        async for output in llm.generate(
            {"prompt_token_ids": list(request.prompt_token_ids)}, _params(request, delta=True), request_id
        ):
            tokens += len(output.outputs[0].token_ids)
        return tokens


def _params(request: GenerationRequest, *, delta: bool) -> Any:
    from vllm.sampling_params import RequestOutputKind, SamplingParams

    kind = RequestOutputKind.DELTA if delta else RequestOutputKind.FINAL_ONLY
    return SamplingParams(
        temperature=1.0, seed=request.seed, max_tokens=request.tokens, ignore_eos=True, output_kind=kind
    )


def _tokens(requests: Sequence[Sequence[GenerationRequest]]) -> int:
    return sum(one.tokens for group in requests for one in group)


async def _alternate(
    settings: VllmSettings, problems: Sequence[Problem], rollouts: int, rounds: int
) -> tuple[list[TokenRate], list[TokenRate], list[list[GenerationRequest]]]:
    engine = VllmEngine(settings)
    await engine.start()
    try:
        bench = SolverBench(engine, problems, rollouts)
        _, requests = await bench.solver()  # Warms up, and fixes the requests.
        await bench.bare(requests)
        solver_rates: list[TokenRate] = []
        bare_rates: list[TokenRate] = []
        for _ in track(range(rounds), "solver and bare engine in turns"):
            rate, requests = await bench.solver()
            solver_rates.append(rate)
            bare_rates.append(await bench.bare(requests))
        return solver_rates, bare_rates, requests
    finally:
        await engine.stop()


def _batch(settings: VllmSettings, requests: Sequence[Sequence[GenerationRequest]], rounds: int) -> list[TokenRate]:
    """Runs LLM.generate, one call per problem."""
    from vllm import LLM

    llm: Any = LLM(
        model=str(settings.model),
        max_num_seqs=settings.max_num_seqs,
        enforce_eager=settings.enforce_eager,
        enable_prefix_caching=True,
        kv_cache_memory_bytes=KV_CACHE_GIB * 2**30,  # Otherwise it takes nearly all of the machine's memory.
        disable_log_stats=True,
    )
    rates: list[TokenRate] = []
    for number in range(rounds + 1):
        begun = time.perf_counter()
        for group in requests:
            prompts: Any = [{"prompt_token_ids": list(one.prompt_token_ids)} for one in group]
            llm.generate(prompts, [_params(one, delta=False) for one in group], use_tqdm=False)
        if number:  # The first pass warms up.
            rates.append(TokenRate(_tokens(requests), time.perf_counter() - begun))
    return rates


def main(
    model: Annotated[Path, typer.Option(help="Folder of a checkpoint.")] = DEMO_MODEL,
    problems: Annotated[int, typer.Option(min=1, help="Problems of the demo set.")] = 4,
    rollouts: Annotated[int, typer.Option(min=1, help="Rollouts per problem.")] = 16,
    rounds: Annotated[int, typer.Option(min=1, help="Alternations of solver and bare engine.")] = 5,
    stream_interval: Annotated[int, typer.Option(min=1, help="Tokens per delta, for both.")] = 8,
    batch: Annotated[bool, typer.Option(help="Measure LLM.generate too.")] = True,
) -> None:
    """Compares the solver's tokens/s with the bare engine's.

    Example: python -m bench engine --rollouts 48 --rounds 3
    """
    settings = VllmSettings(
        model=model,
        max_num_seqs=64,
        enforce_eager=True,
        cpu_kvcache_gib=KV_CACHE_GIB,
        stream_interval=stream_interval,
    )
    chosen = load_problem_set(DEMO_SET).problems[:problems]
    solver, bare, requests = asyncio.run(_alternate(settings, chosen, rollouts, rounds))
    _print(solver, bare, _batch(settings, requests, rounds) if batch else [])


def _print(solver: Sequence[TokenRate], bare: Sequence[TokenRate], batch: Sequence[TokenRate]) -> None:
    table = Table(title="tokens/s, median (min to max)", title_justify="left")
    for name in ("path", "tokens/s", "solver / path"):
        table.add_column(name, justify="left" if name == "path" else "right")
    median = statistics.median(rate.tokens_per_second for rate in solver)
    for name, rates in (("solver, code off", solver), ("bare AsyncLLM", bare), ("LLM.generate", batch)):
        if rates:
            speeds = sorted(rate.tokens_per_second for rate in rates)
            middle = statistics.median(speeds)
            table.add_row(name, f"{middle:,.0f} ({speeds[0]:,.0f} to {speeds[-1]:,.0f})", f"{median / middle:.3f}")
    paired = [ours.tokens_per_second / theirs.tokens_per_second for ours, theirs in zip(solver, bare, strict=True)]
    console = Console()
    console.print(table)
    console.print(f"solver / bare AsyncLLM, round by round: {', '.join(f'{ratio:.3f}' for ratio in paired)}")
