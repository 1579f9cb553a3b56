"""Measures checkpoints on the same problems and seeds: votes, speed, memory and divergence from the first.

Every checkpoint answers the set in a run folder of its own. After its last answer the same engine is
probed for its memory, its speed, and its predictions on texts that the first checkpoint, the base, wrote.
Guarantees: all others are compared with the base, problem by problem; a checkpoint that cannot be loaded
here is reported and left out; results stay in the output folder, so an interrupted measurement resumes.

Not guaranteed: meaningful timings on a machine that is busy with other work.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from aimo_solver.app.options import RunOptions
from aimo_solver.app.run import AfterRun, RunOutcome, begun_run, resume, run_set
from aimo_solver.app.runtime import Runtime
from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.prompt import Prompt, encode_prompt
from aimo_solver.engine.base import Engine, Sampling, Tokenizer
from aimo_solver.errors import EngineLoadError, InputError
from aimo_solver.problems.problem_set import ProblemSet
from aimo_solver.reports.compare import compare
from aimo_solver.reports.metrics import pass_at_1_difference
from aimo_solver.rollouts.trajectory import StopReason
from aimo_solver.runs.reader import read_run
from aimo_solver.runs.summary import summarise
from aimo_solver.simulation.engine_speeds import measure_engine_speeds
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.files import make_folder, read_text, write_text
from quantize.calibration import CalibrationRow, row_ids
from quantize.checkpoint import read_checkpoint
from quantize.divergence import mean_divergence
from quantize.tables import VariantFigures

TEXTS: Final = 32
"""Rollouts of the base on which the distributions are compared, one per problem."""
ALTERNATIVES: Final = 20
GREEDY_PROMPTS: Final = 16
GREEDY_TOKENS: Final = 128
SPEED_STREAMS: Final = 16
SPEED_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Variant:
    """A checkpoint with the options it runs with, such as speculation."""

    label: str
    options: RunOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What was measured of an engine after its runs."""

    load_seconds: float
    weight_bytes: int | None
    streams_tokens_per_second: float
    """Of SPEED_STREAMS streams together that run no code."""
    next_tokens: list[list[dict[str, float]]]
    """Per text and position: token id -> log-probability (nats). Ids are strings, as in JSON."""
    greedy: list[list[int]]
    """Completions at temperature 0, as token ids."""
    proposed: int
    """Tokens proposed by speculation during the runs."""
    accepted: int


@dataclass(frozen=True, slots=True)
class ReferenceText:
    """A rollout of the base, with its prompt and the outputs of its code."""

    token_ids: list[int]
    prompt_tokens: int


async def measure(
    variants: Sequence[Variant],
    problem_set: ProblemSet,
    *,
    out: Path,
    console: Console,
    runs: int = 5,
    at_once: int = 1,
) -> list[VariantFigures]:
    """Returns a row per variant that could be loaded, the base first. Raises InputError.

    `out` gets a folder per variant. EngineLoadError is raised only for the base.
    """
    labels = [variant.label for variant in variants]
    for label in labels:
        if labels.count(label) > 1:
            raise InputError(f"checkpoints must have different folder names, got {label!r} twice; rename one")
    make_folder(out)
    rows: list[VariantFigures] = []
    base: _Measured | None = None
    for variant in variants:
        console.rule(variant.label)
        measurement = _Measurement(
            problem_set=problem_set,
            runs=runs,
            at_once=at_once,
            console=console,
            texts=None if base is None else base.texts,
        )
        try:
            measured = await measurement.measure(variant, out / variant.label)
        except EngineLoadError as error:
            if base is None:
                raise
            console.print(f"left out: {error}", soft_wrap=True, markup=False, highlight=False)
            continue
        base = base or measured
        rows.append(_figures(variant, measured, base))
    return rows


@dataclass(frozen=True, slots=True)
class _Measured:
    """A variant's solutions and probe."""

    label: str
    solutions: Sequence[Solution]
    probe: ProbeResult
    texts: list[ReferenceText]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measurement:
    """What is done with every variant. `texts`: the base's; None for the base itself."""

    problem_set: ProblemSet
    runs: int
    at_once: int
    console: Console
    texts: list[ReferenceText] | None

    async def measure(self, variant: Variant, place: Path) -> _Measured:
        """Runs and probes the variant, or reads what an earlier process finished."""
        kept, probe_file = begun_run(place, variant.options, self.problem_set, self.runs), place / "probe.json"
        folder = None if kept is None else kept.path
        if folder is None or not probe_file.exists():
            folder = await self._answer(variant, place, folder, probe_file)
        return _Measured(variant.label, read_run(folder).solutions, *_read_probe(probe_file))

    async def _answer(self, variant: Variant, place: Path, folder: Path | None, probe_file: Path) -> Path:
        async def after(runtime: Runtime, outcome: RunOutcome) -> None:
            preset = variant.options.preset
            dialect, prefill, words = runtime.dialect, preset.rollout.prefill, variant.options.prompt
            tokenizer = runtime.engine.tokenizer
            texts = self.texts
            if texts is None:
                texts = base_texts(outcome.solutions, dialect, tokenizer, prompt=words, prefill=prefill)
            problems = [problem.text for problem in self.problem_set.problems[:GREEDY_PROMPTS]]
            encoded = [
                encode_prompt(dialect, problem, tokenizer, prompt=words, prefill=prefill) for problem in problems
            ]
            probe = await _probe(runtime, texts, encoded)
            write_text(probe_file, json.dumps(asdict(probe) | {"texts": [asdict(text) for text in texts]}))

        hooked: AfterRun = after
        if folder is not None:
            return (await resume(folder, self.console, after=hooked)).folder
        options = variant.options
        outcome = await run_set(
            options, self.problem_set, place, self.console, runs=self.runs, at_once=self.at_once, after=hooked
        )
        return outcome.folder


def _read_probe(path: Path) -> tuple[ProbeResult, list[ReferenceText]]:
    try:
        values: dict[str, Any] = json.loads(read_text(path, "a probe's result"))
        texts = [ReferenceText(**text) for text in values.pop("texts")]
        return ProbeResult(**values), texts
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a valid probe result ({error!r}); delete it to probe again") from None


def base_texts(
    solutions: Sequence[Solution], dialect: Dialect, tokenizer: Tokenizer, *, prompt: Prompt, prefill: str = ""
) -> list[ReferenceText]:
    """Returns, for each of the first problems, its first rollout that ended by itself."""
    texts: list[ReferenceText] = []
    for solution in solutions:
        if solution.run == 0 and len(texts) < TEXTS:
            whole = [t for t in solution.trajectories if t.stop_reason is StopReason.ANSWERED]
            if whole:
                ids = row_ids(CalibrationRow(solution.problem, whole[0], prefill, prompt), dialect, tokenizer)
                texts.append(ReferenceText(ids, whole[0].prompt_tokens))
    return texts


async def _probe(runtime: Runtime, texts: Sequence[ReferenceText], prompts: Sequence[Sequence[int]]) -> ProbeResult:
    engine = runtime.measurable_engine
    drafts = engine.drafts()  # Those of the runs: read before anything else is generated.
    table = await measure_engine_speeds(
        engine,
        prompt_token_ids=prompts[0],
        streams=(SPEED_STREAMS,),
        seconds=SPEED_SECONDS,
        name="probe",
        source="measured",
    )
    room = engine.context_tokens - 1
    read = [await engine.next_tokens(text.token_ids[:room], ALTERNATIVES) for text in texts]
    next_tokens = [
        [{str(token): value for token, value in row.items()} for row in rows[text.prompt_tokens - 1 :]]
        for rows, text in zip(read, texts, strict=True)
    ]
    return ProbeResult(
        load_seconds=runtime.load_seconds,
        weight_bytes=await engine.weight_bytes(),
        streams_tokens_per_second=table.tokens_per_second[0] * SPEED_STREAMS,
        next_tokens=next_tokens,
        greedy=[await _greedy(engine, prompt) for prompt in prompts],
        proposed=drafts.proposed,
        accepted=drafts.accepted,
    )


async def _greedy(engine: Engine, prompt: Sequence[int]) -> list[int]:
    tokens: list[int] = []
    async with aclosing(engine.generate(prompt, Sampling(max_tokens=GREEDY_TOKENS))) as pieces:
        async for piece in pieces:
            tokens += piece.token_ids
    return tokens


def _figures(variant: Variant, mine: _Measured, base: _Measured) -> VariantFigures:
    summary = summarise(mine.solutions)
    probe, is_base = mine.probe, mine is base
    finished = max(1, summary.rollouts - summary.cancelled)
    comparison = None if is_base else compare(base.solutions, mine.solutions)
    same = [one == other for one, other in zip(probe.greedy, base.probe.greedy, strict=False)]
    divergence = None if is_base else _divergence(base.probe, probe)
    return VariantFigures(
        label=variant.label,
        model=str(variant.options.model),
        disk_bytes=read_checkpoint(variant.options.model).weight_bytes,
        weight_bytes=probe.weight_bytes,
        load_seconds=probe.load_seconds,
        tokens_per_second=summary.tokens / max(summary.solve_seconds, 1e-9),
        streams_tokens_per_second=probe.streams_tokens_per_second,
        rollouts=max((len(solution.trajectories) for solution in mine.solutions), default=0),
        runs=summary.runs,
        pass_at_1=summary.pass_at_1,
        pass_at_1_difference=None if is_base else pass_at_1_difference(base.solutions, mine.solutions),
        majority=summary.majority,
        majority_difference=None if comparison is None else comparison.difference,
        words="" if comparison is None else comparison.words,
        divergence=divergence,
        greedy_same=None if is_base else sum(same) / max(1, len(same)),
        tokens_per_rollout=summary.tokens / finished,
        code_calls_per_rollout=summary.code_calls / finished,
        acceptance=probe.accepted / probe.proposed if probe.proposed else None,
        missing=dict(_missing(variant, mine, base, divergence)),
    )


def _missing(variant: Variant, mine: _Measured, base: _Measured, divergence: float | None) -> Iterator[tuple[str, str]]:
    """Yields each figure that could not be measured, with the reason."""
    summary, is_base = summarise(mine.solutions), mine is base
    if mine.probe.weight_bytes is None:
        yield "weight_bytes", "a CPU's kernels keep copies of the weights"
    if all(solution.problem.gold is None for solution in mine.solutions):
        yield "pass_at_1", "no problem has a gold answer"
    elif summary.pass_at_1 is None:
        yield "pass_at_1", "no rollout ended"
    if not is_base and not base.texts:
        yield "divergence", f"no rollout of {base.label} ended by itself, so there is no text to compare on"
    elif not is_base and divergence is None:
        yield "divergence", "its context is too short for the texts to compare on"
    if variant.options.hardware.speculative is not None and not mine.probe.proposed:
        yield "acceptance", "speculation proposed nothing"


def _divergence(base: ProbeResult, other: ProbeResult) -> float | None:
    """Compares the positions that both read: a checkpoint with a shorter context reads fewer."""
    pairs = list(zip(_next_tokens(base), _next_tokens(other), strict=False))
    lengths = [min(len(one), len(two)) for one, two in pairs]
    return mean_divergence(
        [one[:length] for (one, _), length in zip(pairs, lengths, strict=True)],
        [two[:length] for (_, two), length in zip(pairs, lengths, strict=True)],
    )


def _next_tokens(probe: ProbeResult) -> list[list[Mapping[int, float]]]:
    return [[{int(token): value for token, value in row.items()} for row in rows] for rows in probe.next_tokens]
