"""`aimo quantize`: makes checkpoints from others, and measures what they cost in votes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress

from aimo_solver.app.dialects import load_dialect
from aimo_solver.app.options import (
    STUDY_LIMIT_SECONDS,
    Overrides,
    RunOptions,
    choose_options,
    preset_for,
    require_speculation_works,
)
from aimo_solver.cli.options import (
    METHOD,
    OUTPUT,
    AsJson,
    AtOnce,
    DialectName,
    HardwareName,
    PresetName,
    Problems,
    Runs,
    Seed,
    StudyFolder,
    Temperature,
)
from aimo_solver.config.settings import load_preset
from aimo_solver.engine.hardware import AUTO, KAGGLE_CARDS, find_cards
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.errors import InputError
from aimo_solver.problems.sets.fetch import find_problem_set, find_problems
from aimo_solver.runs.reader import read_run
from aimo_solver.utils.files import write_text
from aimo_solver.utils.plots import check_plot_path
from quantize.calibration import CalibrationRow, choose_plain_rows, choose_rows, describe_rows
from quantize.checkpoint import read_checkpoint
from quantize.dequantise import weight_errors
from quantize.measure import Variant, measure
from quantize.merge import Parent
from quantize.merge import merge as merge_checkpoints
from quantize.quantise import Calibration, Gptq, quantise, require_groups_fit, require_plain
from quantize.schemes import SCHEMES, Scheme, choose_writer, find_scheme, require_runs_on
from quantize.tables import VariantFigures, measured_markdown, measured_tables, plot_measured
from quantize.writers import WRITERS, writer_python

ANY_CARD: Final = "any"
GPTQ: Final = "GPTQ"
CALIBRATION: Final = "Calibration"

app = typer.Typer(help="Merge and quantise checkpoints, and measure what a format costs.", no_args_is_help=True)

NewFolder = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="The new checkpoint's folder.", rich_help_panel=OUTPUT)
]


@app.command()
def merge(
    parents: Annotated[
        list[str],
        typer.Argument(metavar="FOLDER=WEIGHT...", help="Checkpoints and their weights, which add up to 1."),
    ],
    out: NewFolder,
) -> None:
    """Adds up checkpoints of one architecture, weighted. Config and tokenizer are the last one's.

    Needs the memory of only a few tensors.

    Example: aimo quantize merge demo_model/cot=0.3 demo_model/tir=0.7 --out merged
    """
    chosen = [_parent(text) for text in parents]
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("merging")
        made = merge_checkpoints(chosen, out, lambda done, total: progress.update(task, completed=done, total=total))
    typer.echo(f"{out}: {len(made.tensors)} tensors, {made.weight_bytes / 1e6:.1f} MB")


@app.command("run")
def run_scheme(
    scheme: Annotated[str, typer.Argument(metavar="SCHEME", help=f"One of {', '.join(SCHEMES)}.")],
    model: Annotated[Path, typer.Option(metavar="DIR", help="Folder of a checkpoint in 16 or 32 bits.")],
    out: NewFolder,
    card: Annotated[
        str, typer.Option(metavar="NAME", help=f"Where it will run: {', '.join(KAGGLE_CARDS)}, cpu or any.")
    ] = ANY_CARD,
    backend: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"What writes it: {', '.join(WRITERS)}.", show_default="the scheme's first"),
    ] = None,
    torch_index: Annotated[
        str | None, typer.Option(metavar="URL", envvar="TORCH_INDEX", help="Extra package index, for torch.")
    ] = None,
    calibrate_on: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN", help="Run folder whose right rollouts calibrate; repeatable.", rich_help_panel=CALIBRATION
        ),
    ] = None,
    judged_by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SET",
            help="Set that will judge the checkpoint: its problems are not used; repeatable.",
            rich_help_panel=CALIBRATION,
        ),
    ] = None,
    plain_text: Annotated[
        bool,
        typer.Option(
            "--plain-text",
            help="For a base model: calibrate on its rollouts right or wrong, and on problems' texts.",
            rich_help_panel=CALIBRATION,
        ),
    ] = False,
    rows: Annotated[
        int, typer.Option(min=1, metavar="N", help="Rollouts to calibrate on.", rich_help_panel=CALIBRATION)
    ] = 256,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Seed for choosing rollouts.", rich_help_panel=CALIBRATION)
    ] = 0,
    dialect: DialectName = None,
    group_size: Annotated[
        int, typer.Option(metavar="N", help="Weights that share a scale; -1 means a whole row.", rich_help_panel=GPTQ)
    ] = 128,
    act_order: Annotated[
        bool, typer.Option(help="Round columns with large activations first.", rich_help_panel=GPTQ)
    ] = False,
    damping: Annotated[
        float, typer.Option(metavar="X", help="Share of the Hessian's mean diagonal added to it.", rich_help_panel=GPTQ)
    ] = 0.01,
) -> None:
    """Quantises a checkpoint, calibrated on whole rollouts of its own.

    Example: aimo quantize run w4a16 --model demo_model/tir --out tir-w4a16 --calibrate-on runs/20260101-120000-mine
    """
    chosen, checkpoint = find_scheme(scheme), read_checkpoint(model)
    gptq = Gptq(group_size=group_size, act_order=act_order, damping=damping)
    require_plain(checkpoint)
    _require_card(chosen, card)
    if out.exists():
        raise InputError(f"{out}: already exists; name another folder, or remove it")
    writer = choose_writer(chosen, backend, find_cards())
    require_groups_fit(checkpoint, chosen, gptq)
    calibration = Calibration(
        rows=_calibration_rows(calibrate_on or (), judged_by or (), rows, seed, plain_text=plain_text)
        if chosen.calibrated
        else [],
        dialect=load_dialect(dialect or load_preset(preset_for(model)).dialect, model),
        tokenizer=HfTokenizer(model),
        seed=seed,
    )
    python = writer_python(writer, lambda line: typer.echo(line, err=True), torch_index)
    if calibration.rows:
        typer.echo(f"calibrating on {describe_rows(calibration.rows)}", err=True)
    with Console(stderr=True).status(f"{chosen.name} by {writer.name}"):
        made = quantise(checkpoint, chosen, out, writer=writer, python=python, calibration=calibration, gptq=gptq)
    ratio = checkpoint.weight_bytes / made.weight_bytes
    typer.echo(f"{out}: {chosen.description}; {made.weight_bytes / 1e6:.1f} MB, 1/{ratio:.2f} of {model}")
    if not chosen.loads_on_cpu:
        minimum = ".".join(map(str, chosen.min_capability))
        typer.echo(f"it needs a GPU of compute capability {minimum} or higher", err=True)


def _calibration_rows(
    run_folders: Sequence[Path], judging_sets: Sequence[str], count: int, seed: int, *, plain_text: bool
) -> list[CalibrationRow]:
    runs = [read_run(path) for path in run_folders]
    judged = [problem.text for name in judging_sets for problem in find_problem_set(name).problems]
    choose = choose_plain_rows if plain_text else choose_rows
    return choose(runs, count, seed=seed, judged=judged)


def _require_card(scheme: Scheme, card: str) -> None:
    if card == ANY_CARD:
        return
    if card != "cpu" and card not in KAGGLE_CARDS:
        raise InputError(f"card must be one of {', '.join(KAGGLE_CARDS)}, cpu, {ANY_CARD}, got {card!r}")
    require_runs_on(scheme, card, KAGGLE_CARDS.get(card, ()))


@app.command()
def check(
    base: Annotated[Path, typer.Argument(metavar="BASE", help="The checkpoint it was made from.")],
    made: Annotated[Path, typer.Argument(metavar="MADE", help="The quantised checkpoint.")],
    as_json: AsJson = False,
) -> None:
    """Compares a quantised checkpoint's weights with the original's, without an engine.

    Example: aimo quantize check demo_model/tir tir-w8a16
    """
    errors = weight_errors(read_checkpoint(base), read_checkpoint(made))
    if as_json:
        typer.echo(json.dumps({error.name: error.relative for error in errors}, indent=2))
        return
    worst = max(errors, key=lambda error: error.relative)
    mean = sum(error.relative for error in errors) / len(errors)
    typer.echo(f"{made}: {len(errors)} quantised weights, off by {mean:.2%} on average (root mean square)")
    typer.echo(f"the worst is {worst.name}, off by {worst.relative:.2%}")


@app.command("measure")
def measure_checkpoints(
    models: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of checkpoints, the base first.")],
    out: StudyFolder,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME", help="A set by name or file; repeatable.", show_default="the demo set"),
    ] = None,
    problems: Problems = None,
    runs: Runs = 5,
    at_once: AtOnce = 1,
    rollouts: Annotated[
        int, typer.Option(min=1, metavar="N", help="Rollouts per problem.", rich_help_panel=METHOD)
    ] = 16,
    speculative: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ngram:N|DIR:N",
            help="Measure the base with speculation too, of N tokens by n-grams or a draft model; repeatable.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    preset: PresetName = None,
    dialect: DialectName = None,
    temperature: Temperature = None,
    seed: Seed = 0,
    hardware: HardwareName = AUTO,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Plot majority against tokens/s: .svg, .png or .pdf.", rich_help_panel=OUTPUT
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measures what each format costs in votes, on the same problems and seeds as the first checkpoint.

    Example: aimo quantize measure demo_model/tir tir-w4a16 tir-fp8 --out runs/formats

    Example: aimo quantize measure mine --speculative ngram:4 --temperature 0 --rollouts 1 --runs 1 --out runs/ngram
    """
    console = Console(stderr=as_json)
    if plot is not None:
        check_plot_path(plot)
    overrides = Overrides(dialect=dialect, rollouts=rollouts, early_stop=False, temperature=temperature)
    options: list[RunOptions] = []
    for model in models:
        chosen = choose_options(
            model,
            preset=preset or preset_for(models[0]),
            hardware=hardware,
            seed=seed,
            limit_seconds=STUDY_LIMIT_SECONDS,
            overrides=overrides,
        )
        # All are asked as the base is, whatever the others' folders are called.
        overrides = replace(overrides, dialect=chosen.preset.dialect)
        options.append(chosen)
    variants = [Variant(one.model.resolve().name, one) for one in options]
    variants += [_speculating(variants[0], text) for text in speculative or ()]
    rows = asyncio.run(
        measure(variants, find_problems(sets, problems), out=out, console=console, runs=runs, at_once=at_once)
    )
    write_text(out / "measured.json", _as_json(rows) + "\n")
    write_text(out / "measured.md", measured_markdown(rows))
    if plot is not None:
        plot_measured(rows, plot)
    if as_json:
        typer.echo(_as_json(rows))
        return
    for table in measured_tables(rows):
        console.print(table)
    for row in rows:
        for name, reason in row.missing.items():
            console.print(f"{row.label}: no {name.replace('_', ' ')}, as {reason}", highlight=False, soft_wrap=True)
        if row.words:
            console.print(f"{row.label}: {row.words}", highlight=False)


def _as_json(rows: Sequence[VariantFigures]) -> str:
    return json.dumps([row.to_json() for row in rows], indent=2, allow_nan=False)


def _speculating(base: Variant, text: str) -> Variant:
    hardware = replace(base.options.hardware, speculative=speculation_settings(text))
    options: RunOptions = replace(base.options, hardware=hardware)
    require_speculation_works(options)
    return Variant(f"{base.label}+{Path(text).name.replace(':', '-')}", options)


def speculation_settings(text: str) -> dict[str, Any]:
    """Returns vLLM's speculative_config for `ngram:4` or `FOLDER:3`. Raises InputError."""
    method, found, tokens = text.rpartition(":")
    if not found or not method or not tokens.isdecimal() or int(tokens) < 1:
        raise InputError(f"speculative must be ngram:TOKENS or FOLDER:TOKENS, such as ngram:4, got {text!r}")
    if method == "ngram":
        return {"method": "ngram", "num_speculative_tokens": int(tokens), "prompt_lookup_max": int(tokens)}
    read_checkpoint(Path(method))
    return {"method": "draft_model", "model": method, "num_speculative_tokens": int(tokens)}


def _parent(text: str) -> Parent:
    folder, found, weight = text.rpartition("=")
    try:
        if not found or not folder:
            raise ValueError
        return Parent(Path(folder), float(weight))
    except ValueError:
        raise InputError(f"a parent must be FOLDER=WEIGHT, such as demo_model/tir=0.7, got {text!r}") from None
