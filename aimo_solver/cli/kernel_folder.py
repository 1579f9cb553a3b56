"""`aimo package single-file` and `aimo package notebook`: folders that `aimo push` takes as they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aimo_solver.config.contest import find_contest
from aimo_solver.kaggle.kernel_folder import KernelFolder, KernelSettings, write_notebook, write_single_file
from aimo_solver.kaggle.kernel_metadata import FILE
from aimo_solver.utils.paths import PROJECT

Kernel = Annotated[
    Path, typer.Option("--kernel", metavar="FILE", help="The kernel to start from.", show_default="kernel.py")
]
KernelId = Annotated[
    str | None,
    typer.Option("--id", metavar="USER/SLUG", help="The kernel's name on Kaggle.", show_default="as it is"),
]
ContestName = Annotated[
    str | None,
    typer.Option("--contest", metavar="NAME", help="The contest, by name or file.", show_default="as it is"),
]
Datasets = Annotated[
    list[str],
    typer.Option("--dataset", metavar="USER/SLUG", help="A dataset to attach, such as that of wheels; repeatable."),
]
ModelId = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="ID", help="owner/model/framework/variation/version to attach.", show_default="as it is"
    ),
]
Accelerator = Annotated[
    str | None,
    typer.Option("--accelerator", metavar="NAME", help="machine_shape, such as NvidiaH100.", show_default="as it is"),
]


def single_file(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")] = Path("build/single-file"),
    kernel: Kernel = PROJECT / "kernel.py",
    id: KernelId = None,
    contest: ContestName = None,
    dataset: Datasets = [],  # noqa: B006
    model: ModelId = None,
    accelerator: Accelerator = None,
) -> None:
    """Writes kernel.py with the package inside, and its metadata, for people who attach no dataset for code.

    Example: aimo package single-file build/single-file --id me/my-solver --dataset me/aimo-wheels
    """
    settings = _settings(id, contest, dataset, model, accelerator)
    _print_folder(write_single_file(kernel, out, settings))


def notebook(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")] = Path("build/notebook"),
    kernel: Kernel = PROJECT / "kernel.py",
    id: KernelId = None,
    contest: ContestName = None,
    dataset: Datasets = [],  # noqa: B006
    model: ModelId = None,
    accelerator: Accelerator = None,
) -> None:
    """Writes kernel.py as a notebook, and its metadata: a first cell of options, a second that runs.

    Example: aimo package notebook build/notebook && aimo rehearse --kernel build/notebook/kernel.ipynb
    """
    settings = _settings(id, contest, dataset, model, accelerator)
    _print_folder(write_notebook(kernel, out, settings))


def _settings(
    id: str | None, contest: str | None, datasets: list[str], model: str | None, accelerator: str | None
) -> KernelSettings:
    competition = None if contest is None else find_contest(contest).slug
    return KernelSettings(
        id=id, competition=competition, datasets=tuple(datasets), model=model, accelerator=accelerator
    )


def _print_folder(folder: KernelFolder) -> None:
    typer.echo(f"{folder.path}: {folder.code_file.name}, {folder.code_file.stat().st_size:,} bytes, and {FILE}")
    for fault in folder.faults:
        typer.echo(f"before you push it: {fault}")
    if not folder.faults:
        typer.echo(f"send it with: aimo push {folder.path}")
