"""`aimo quantize`: checkpoints made from others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from aimo_solver.dialects import find_dialect
from aimo_solver.engines.hf_tokenizer import HfTokenizer
from aimo_solver.entry import run_or_exit
from aimo_solver.errors import InputError
from aimo_solver.logged_run import read_run
from aimo_solver.quantize.calibration import Row, choose_rows
from aimo_solver.quantize.checkpoint import read_checkpoint
from aimo_solver.quantize.environment import quantiser_python
from aimo_solver.quantize.merge import Parent
from aimo_solver.quantize.merge import merge as merge_checkpoints
from aimo_solver.quantize.quantise import quantise, require_plain
from aimo_solver.quantize.schemes import SCHEMES, find_scheme
from aimo_solver.sets.fetch import find_problem_set

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
    seed: Annotated[int, typer.Option(help="Of the choice of rollouts.")] = 0,
    torch_index: Annotated[str | None, typer.Option(envvar="TORCH_INDEX", help="Where torch comes from.")] = None,
) -> None:
    """Makes a checkpoint in another number format, calibrated on whole rollouts of yours.

    Example: aimo quantize run w4a16 --model demo_model/tir --out tir-w4a16 --calibrate-on runs/20260101-120000-mine
    """

    def run() -> None:
        wanted, checkpoint = find_scheme(scheme), read_checkpoint(model)
        require_plain(checkpoint)
        if out.exists():
            raise InputError(f"{out}: exists; name another folder, or remove it")
        chosen: list[Row] = []
        if wanted.calibrated:
            runs = [read_run(path) for path in calibrate_on or ()]
            judged = [problem.text for name in judged_by or () for problem in find_problem_set(name).problems]
            chosen = choose_rows(runs, rows, seed, judged)
        python = quantiser_python(lambda line: typer.echo(line, err=True), torch_index)
        with Console(stderr=True).status(f"{wanted.name}, {len(chosen)} rollouts"):
            made = quantise(python, checkpoint, wanted, out, chosen, find_dialect(dialect), HfTokenizer(model), seed)
        smaller = checkpoint.weight_bytes / made.weight_bytes
        typer.echo(f"{out}: {wanted.told}; {made.weight_bytes / 1e6:.1f} MB, 1/{smaller:.2f} of {model}")
        if not wanted.loads_on_cpu:
            typer.echo(f"it needs a GPU of compute capability {wanted.least_capability} or more", err=True)

    run_or_exit(run)


def _parent(text: str) -> Parent:
    folder, found, weight = text.rpartition("=")
    try:
        if not found or not folder:
            raise ValueError
        return Parent(Path(folder), float(weight))
    except ValueError:
        raise InputError(f"a parent must be FOLDER=WEIGHT, such as demo_model/tir=0.7, got {text!r}") from None
