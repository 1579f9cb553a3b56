"""`aimo quantize`: checkpoints made from others."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress

from aimo_solver.app.kernel import run_or_exit
from aimo_solver.app.options import STUDY_LIMIT_SECONDS, RunOptions, require_speculation_works, run_options
from aimo_solver.dialects import find_dialect
from aimo_solver.engine.hardware import AUTO, KAGGLE_CARDS, find_cards
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.errors import InputError
from aimo_solver.problems.problem_set import join_sets
from aimo_solver.problems.sets.fetch import find_problem_set
from aimo_solver.runs.reader import read_run
from aimo_solver.utils.files import write_text
from aimo_solver.utils.paths import DEMO_SET
from aimo_solver.utils.plots import check_plot_path
from quantize.calibration import CalibrationRow, choose_rows
from quantize.checkpoint import read_checkpoint
from quantize.dequantise import weight_errors
from quantize.measure import Variant, measure
from quantize.merge import Parent
from quantize.merge import merge as merge_checkpoints
from quantize.quantise import Calibration, Gptq, quantise, require_groups_fit, require_plain
from quantize.schemes import SCHEMES, Scheme, choose_writer, find_scheme, require_runs_on
from quantize.tables import measured_markdown, measured_tables, plot_measured
from quantize.writers import WRITERS, writer_python

ANY_CARD: Final = "any"

app = typer.Typer(help="Checkpoints made from others.", no_args_is_help=True)


@app.callback()
def quantize() -> None:
    """Every command has --help with an example."""


@app.command()
def merge(
    parents: Annotated[list[str], typer.Argument(help="FOLDER=WEIGHT of each checkpoint; the weights add up to 1.")],
    out: Annotated[Path, typer.Option(help="The new checkpoint; config and tokenizer are the last one's.")],
) -> None:
    """Adds checkpoints of one architecture up, weighted. Takes a few tensors' memory, whatever their size.

    Example: aimo quantize merge demo_model/cot=0.3 demo_model/tir=0.7 --out merged
    """

    def run() -> None:
        wanted = [_parent(text) for text in parents]
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("merging")
            made = merge_checkpoints(
                wanted, out, lambda done, total: progress.update(task, completed=done, total=total)
            )
        typer.echo(f"{out}: {len(made.tensors)} tensors, {made.weight_bytes / 1e6:.1f} MB")

    run_or_exit(run)


@app.command("run")
def run_scheme(
    scheme: Annotated[str, typer.Argument(help=f"One of {', '.join(SCHEMES)}.")],
    model: Annotated[Path, typer.Option(help="Folder of a checkpoint in 16 or 32 bits.")],
    out: Annotated[Path, typer.Option(help="The new checkpoint.")],
    calibrate_on: Annotated[list[Path] | None, typer.Option(help="Run folders whose right rollouts calibrate.")] = None,
    judged_by: Annotated[
        list[str] | None, typer.Option(help="Sets that will judge it: none of their problems calibrates.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rollouts to calibrate on.")] = 256,
    dialect: Annotated[str, typer.Option(help="How the checkpoint's family writes.")] = "numina",
    group_size: Annotated[int, typer.Option(help="Weights that share a scale; -1: a whole row.")] = 128,
    act_order: Annotated[bool, typer.Option(help="GPTQ: columns of large activations first.")] = False,
    damping: Annotated[float, typer.Option(help="GPTQ: share of the Hessian's mean added to its diagonal.")] = 0.01,
    backend: Annotated[str | None, typer.Option(help=f"Who writes it: {', '.join(WRITERS)}; by the scheme.")] = None,
    card: Annotated[str, typer.Option(help=f"Where it will run: {', '.join(KAGGLE_CARDS)}, cpu, any.")] = ANY_CARD,
    seed: Annotated[int, typer.Option(help="Of the choice of rollouts.")] = 0,
    torch_index: Annotated[str | None, typer.Option(envvar="TORCH_INDEX", help="Where torch comes from.")] = None,
) -> None:
    """Makes a checkpoint in another number format, calibrated on whole rollouts of yours.

    Example: aimo quantize run w4a16 --model demo_model/tir --out tir-w4a16 --calibrate-on runs/20260101-120000-mine
    """

    def run() -> None:
        wanted, checkpoint, gptq = (
            find_scheme(scheme),
            read_checkpoint(model),
            Gptq(group_size=group_size, act_order=act_order, damping=damping),
        )
        require_plain(checkpoint)
        _require_card(wanted, card)
        if out.exists():
            raise InputError(f"{out}: exists; name another folder, or remove it")
        writer = choose_writer(wanted, backend, find_cards())
        require_groups_fit(checkpoint, wanted, gptq)
        chosen: list[CalibrationRow] = []
        if wanted.calibrated:
            runs = [read_run(path) for path in calibrate_on or ()]
            judged = [problem.text for name in judged_by or () for problem in find_problem_set(name).problems]
            chosen = choose_rows(runs, rows, seed, judged)
        python = writer_python(writer, lambda line: typer.echo(line, err=True), torch_index)
        calibration = Calibration(chosen, find_dialect(dialect), HfTokenizer(model), seed)
        with Console(stderr=True).status(f"{wanted.name} by {writer.name}, {len(chosen)} rollouts"):
            made = quantise(checkpoint, wanted, out, writer=writer, python=python, calibration=calibration, gptq=gptq)
        smaller = checkpoint.weight_bytes / made.weight_bytes
        typer.echo(f"{out}: {wanted.description}; {made.weight_bytes / 1e6:.1f} MB, 1/{smaller:.2f} of {model}")
        if not wanted.loads_on_cpu:
            least = ".".join(map(str, wanted.min_capability))
            typer.echo(f"it needs a GPU of compute capability {least} or more", err=True)

    run_or_exit(run)


def _require_card(scheme: Scheme, card: str) -> None:
    if card == ANY_CARD:
        return
    if card != "cpu" and card not in KAGGLE_CARDS:
        raise InputError(f"card must be one of {', '.join(KAGGLE_CARDS)}, cpu, {ANY_CARD}, got {card!r}")
    require_runs_on(scheme, card, KAGGLE_CARDS.get(card, ()))


@app.command()
def check(
    base: Annotated[Path, typer.Argument(help="The checkpoint it was made from.")],
    made: Annotated[Path, typer.Argument(help="The quantised checkpoint.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Compares a quantised checkpoint's weights with those it was made from, without an engine.

    Example: aimo quantize check demo_model/tir tir-w8a16
    """

    def run() -> None:
        errors = weight_errors(read_checkpoint(base), read_checkpoint(made))
        if as_json:
            typer.echo(json.dumps({error.name: error.relative for error in errors}, indent=2))
            return
        worst = max(errors, key=lambda error: error.relative)
        mean = sum(error.relative for error in errors) / len(errors)
        typer.echo(f"{made}: {len(errors)} quantised weights, off by {mean:.2%} on average (root mean square)")
        typer.echo(f"the worst, {worst.name}, by {worst.relative:.2%}")

    run_or_exit(run)


@app.command("measure")
def measure_checkpoints(
    models: Annotated[list[Path], typer.Argument(help="Folders of checkpoints, the base first.")],
    out: Annotated[Path, typer.Option(help="Where run folders and figures go; one that was begun is gone on with.")],
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="Sets by name or file; the demo set if none. Repeatable.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Passes over the sets.")] = 5,
    rollouts: Annotated[int, typer.Option(min=1, help="A problem.")] = 16,
    speculative: Annotated[
        list[str] | None,
        typer.Option(help="Measure the base with speculation too: ngram:TOKENS, or DRAFT_FOLDER:TOKENS. Repeatable."),
    ] = None,
    preset: Annotated[str, typer.Option(help="A preset's name or TOML file.")] = "demo",
    hardware: Annotated[str, typer.Option(help="Hardware settings' name or TOML file; auto: by the cards.")] = AUTO,
    temperature: Annotated[float | None, typer.Option(min=0.0, help="The preset's own if not given.")] = None,
    seed: Annotated[int, typer.Option(help="Base seed of every rollout.")] = 0,
    at_once: Annotated[int, typer.Option(min=1, help="Problems side by side.")] = 1,
    plot: Annotated[Path | None, typer.Option(help="Majority against tokens/s: .svg, .png or .pdf.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON, progress to stderr.")] = False,
) -> None:
    """Tells what each format costs in votes: the same problems and seeds, held against the first checkpoint.

    Example: aimo quantize measure demo_model/tir tir-w4a16 tir-fp8 --out runs/formats

    Example: aimo quantize measure mine --speculative ngram:4 --temperature 0 --rollouts 1 --runs 1 --out runs/ngram
    """
    console = Console(stderr=as_json)

    def run() -> None:
        if plot is not None:
            check_plot_path(plot)

        def options(model: Path, speculation: dict[str, Any] | None = None) -> RunOptions:
            chosen = run_options(
                model=model,
                preset=preset,
                hardware=hardware,
                edition="any-integer",
                seed=seed,
                limit_seconds=STUDY_LIMIT_SECONDS,
                rollouts=rollouts,
                early_stop=False,
                temperature=temperature,
            )
            if speculation is None:  # The hardware's own, if it has any.
                return chosen
            speculating = replace(chosen, hardware=replace(chosen.hardware, speculative=speculation))
            require_speculation_works(speculating)
            return speculating

        variants = [Variant(model.resolve().name, options(model)) for model in models]
        for text in speculative or ():
            settings = speculation_settings(text)
            label = f"{variants[0].label}+{Path(text).name.replace(':', '-')}"
            variants.append(Variant(label, options(models[0], settings)))
        problem_set = join_sets([find_problem_set(name) for name in sets or [str(DEMO_SET)]])
        rows = asyncio.run(measure(variants, problem_set, out, console, runs=runs, at_once=at_once))
        write_text(out / "measured.json", json.dumps([row.to_json() for row in rows], indent=2) + "\n")
        write_text(out / "measured.md", measured_markdown(rows))
        if plot is not None:
            plot_measured(rows, plot)
        if as_json:
            typer.echo(json.dumps([row.to_json() for row in rows], indent=2))
            return
        for table in measured_tables(rows):
            console.print(table)
        for row in rows[1:]:
            console.print(f"{row.label}: {row.words}", highlight=False)

    run_or_exit(run)


def speculation_settings(text: str) -> dict[str, Any]:
    """vLLM's speculative_config for `ngram:4` or `FOLDER:3`. Raises InputError."""
    what, found, tokens = text.rpartition(":")
    if not found or not what or not tokens.isdecimal() or int(tokens) < 1:
        raise InputError(f"speculative must be ngram:TOKENS or FOLDER:TOKENS, such as ngram:4, got {text!r}")
    if what == "ngram":
        return {"method": "ngram", "num_speculative_tokens": int(tokens), "prompt_lookup_max": int(tokens)}
    read_checkpoint(Path(what))
    return {"method": "draft_model", "model": what, "num_speculative_tokens": int(tokens)}


def _parent(text: str) -> Parent:
    folder, found, weight = text.rpartition("=")
    try:
        if not found or not folder:
            raise ValueError
        return Parent(Path(folder), float(weight))
    except ValueError:
        raise InputError(f"a parent must be FOLDER=WEIGHT, such as demo_model/tir=0.7, got {text!r}") from None
