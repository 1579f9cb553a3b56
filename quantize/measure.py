"""Measure: checkpoints on the same problems and seeds, and what the engine tells of each.

Every checkpoint answers the set in a run folder of its own; behind its last answer the same engine
is asked for its memory, its speed, and what it makes of texts the base wrote. Guarantees: the first
checkpoint is the base and all are held against it, pair by pair; one that cannot be loaded here is told and
left out; what was measured stays in the output folder, and measuring goes on there when it was
interrupted.

Not guaranteed: figures of time from a machine that does other things meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from aimo_solver.app.kept_run import kept_run
from aimo_solver.app.kernel import After, RunOutcome, go_on, run_set
from aimo_solver.app.options import RunOptions
from aimo_solver.app.runtime import Workshop
from aimo_solver.dialects import find_dialect
from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.prompt import encode_prompt
from aimo_solver.engine.base import Engine, Sampling, Tokenizer
from aimo_solver.engine.vllm.engine import VllmEngine
from aimo_solver.errors import EngineLoadError, InputError
from aimo_solver.problems.problem_set import ProblemSet
from aimo_solver.reports.compare import compare
from aimo_solver.reports.metrics import pass_at_1_difference
from aimo_solver.rollouts.trajectory import StopReason
from aimo_solver.runs.reader import read_run
from aimo_solver.runs.summary import summarise
from aimo_solver.simulation.engine_profile import profile_engine
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.files import make_folder, read_text, write_text
from quantize.calibration import Row, row_ids
from quantize.checkpoint import read_checkpoint
from quantize.divergence import mean_divergence
from quantize.measured import Measured

TEXTS: Final = 32
"""Of the base's rollouts that the distributions are compared on, one a problem."""
ALTERNATIVES: Final = 20
GREEDY_PROMPTS: Final = 16
GREEDY_TOKENS: Final = 128
SPEED_STREAMS: Final = 16
SPEED_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A checkpoint as the engine is to run it."""

    label: str
    options: RunOptions


@dataclass(frozen=True, slots=True)
class Probe:
    """What an engine told once its runs were over."""

    load_seconds: float
    weight_bytes: int | None
    streams_tokens_per_second: float
    """Of SPEED_STREAMS streams together, no code between them."""
    next_tokens: list[list[dict[str, float]]]
    """By text and position. Token ids are texts, as JSON has them."""
    greedy: list[list[int]]
    proposed: int
    accepted: int


@dataclass(frozen=True, slots=True)
class Text:
    """A rollout as the base wrote it, its prompt and the outputs it was shown included."""

    token_ids: list[int]
    prompt_tokens: int


async def measure(
    candidates: Sequence[Candidate],
    problem_set: ProblemSet,
    out: Path,
    console: Console,
    *,
    runs: int = 5,
    at_once: int = 1,
) -> list[Measured]:
    """A row for each; `out` holds a folder for each. Raises InputError."""
    labels = [candidate.label for candidate in candidates]
    for label in labels:
        if labels.count(label) > 1:
            raise InputError(f"checkpoints must have folder names of their own, got {label!r} twice; rename one")
    make_folder(out)
    rows: list[Measured] = []
    base: _Answered | None = None
    for candidate in candidates:
        console.rule(candidate.label)
        study = _Study(problem_set, runs, at_once, console, None if base is None else base.texts)
        try:
            answered = await study.through(candidate, out / candidate.label)
        except EngineLoadError as error:
            if base is None:
                raise
            console.print(f"left out: {error}", soft_wrap=True, markup=False, highlight=False)
            continue
        base = base or answered
        rows.append(_row(candidate, answered, base))
    return rows


@dataclass(frozen=True, slots=True)
class _Answered:
    """What is known of a candidate once it has been through."""

    solutions: Sequence[Solution]
    probe: Probe
    texts: list[Text]


@dataclass(frozen=True, slots=True)
class _Study:
    """What every candidate goes through. `texts`: the base's, None for the base."""

    problem_set: ProblemSet
    runs: int
    at_once: int
    console: Console
    texts: list[Text] | None

    async def through(self, candidate: Candidate, place: Path) -> _Answered:
        """Runs and probe; those that an earlier process finished are read."""
        kept, probe_file = kept_run(place, candidate.options, self.problem_set, self.runs), place / "probe.json"
        folder = None if kept is None else kept.path
        if folder is None or not probe_file.exists():
            folder = await self._answer(candidate, place, folder, probe_file)
        return _Answered(read_run(folder).solutions, *_read_probe(probe_file))

    async def _answer(self, candidate: Candidate, place: Path, folder: Path | None, probe_file: Path) -> Path:
        async def after(workshop: Workshop, outcome: RunOutcome) -> None:
            preset = candidate.options.preset
            dialect, prefill = find_dialect(preset.dialect), preset.rollout.prefill
            texts = self.texts
            if texts is None:
                texts = base_texts(outcome.solutions, dialect, workshop.engine.tokenizer, prefill)
            prompts = [problem.text for problem in self.problem_set.problems[:GREEDY_PROMPTS]]
            encoded = [encode_prompt(dialect, prompt, workshop.engine.tokenizer, prefill) for prompt in prompts]
            probe = await _probe(workshop, texts, encoded)
            write_text(probe_file, json.dumps(asdict(probe) | {"texts": [asdict(text) for text in texts]}))

        hooked: After = after
        if folder is not None:
            return (await go_on(folder, self.console, hooked)).folder
        options = candidate.options
        outcome = await run_set(
            options, self.problem_set, place, self.console, runs=self.runs, at_once=self.at_once, after=hooked
        )
        return outcome.folder


def _read_probe(path: Path) -> tuple[Probe, list[Text]]:
    try:
        values: dict[str, Any] = json.loads(read_text(path, "what the engine told"))
        texts = [Text(**text) for text in values.pop("texts")]
        return Probe(**values), texts
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is no probe of this program ({error!r}); remove it") from None


def base_texts(solutions: Sequence[Solution], dialect: Dialect, tokenizer: Tokenizer, prefill: str = "") -> list[Text]:
    """The first rollout that ended by itself of each of the first problems."""
    texts: list[Text] = []
    for solution in solutions:
        if solution.run == 0 and len(texts) < TEXTS:
            whole = [t for t in solution.trajectories if t.stop_reason is StopReason.ANSWERED]
            if whole:
                ids = row_ids(Row(solution.problem, whole[0], prefill), dialect, tokenizer)
                texts.append(Text(ids, whole[0].prompt_tokens))
    return texts


async def _probe(workshop: Workshop, texts: Sequence[Text], prompts: Sequence[Sequence[int]]) -> Probe:
    engine = workshop.engine.engine
    assert isinstance(engine, VllmEngine), "a measured workshop has vLLM inside"
    drafts = engine.drafts()  # Of the runs, before anything else is asked.
    table = await profile_engine(engine, prompts[0], (SPEED_STREAMS,), SPEED_SECONDS, "probe", "measured")
    room = engine.context_tokens - 1
    read = [await engine.next_tokens(text.token_ids[:room], ALTERNATIVES) for text in texts]
    next_tokens = [
        [{str(token): value for token, value in row.items()} for row in rows[text.prompt_tokens - 1 :]]
        for rows, text in zip(read, texts, strict=True)
    ]
    return Probe(
        load_seconds=workshop.load_seconds,
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


def _row(candidate: Candidate, mine: _Answered, base: _Answered) -> Measured:
    summary = summarise(mine.solutions)
    probe, is_base = mine.probe, mine is base
    finished = max(1, summary.rollouts - summary.cancelled)
    comparison = None if is_base else compare(base.solutions, mine.solutions)
    same = [one == other for one, other in zip(probe.greedy, base.probe.greedy, strict=False)]
    return Measured(
        label=candidate.label,
        model=str(candidate.options.model),
        disk_bytes=read_checkpoint(candidate.options.model).weight_bytes,
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
        divergence=None if is_base else _divergence(base.probe, probe),
        greedy_same=None if is_base else sum(same) / max(1, len(same)),
        tokens_per_rollout=summary.tokens / finished,
        code_calls_per_rollout=summary.code_calls / finished,
        acceptance=probe.accepted / probe.proposed if probe.proposed else None,
    )


def _divergence(base: Probe, other: Probe) -> float:
    """On what both could read: a checkpoint of a shorter context read less."""
    pairs = list(zip(_numbered(base), _numbered(other), strict=False))
    lengths = [min(len(one), len(two)) for one, two in pairs]
    return mean_divergence(
        [one[:length] for (one, _), length in zip(pairs, lengths, strict=True)],
        [two[:length] for (_, two), length in zip(pairs, lengths, strict=True)],
    )


def _numbered(probe: Probe) -> list[list[Mapping[int, float]]]:
    return [[{int(token): value for token, value in row.items()} for row in rows] for rows in probe.next_tokens]
