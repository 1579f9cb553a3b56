"""`aimo quantize`: checkpoints made from others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from aimo_solver.entry import run_or_exit
from aimo_solver.errors import InputError
from aimo_solver.quantize.merge import Parent
from aimo_solver.quantize.merge import merge as merge_checkpoints

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


def _parent(text: str) -> Parent:
    folder, found, weight = text.rpartition("=")
    try:
        if not found or not folder:
            raise ValueError
        return Parent(Path(folder), float(weight))
    except ValueError:
        raise InputError(f"a parent must be FOLDER=WEIGHT, such as demo_model/tir=0.7, got {text!r}") from None
