"""The commands around a Kaggle submission: `aimo doctor`, `package`, `rehearse`, `push`."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from aimo_solver.app.doctor import Patient, State
from aimo_solver.app.kernel import run_or_exit
from aimo_solver.app.runtime import examine
from aimo_solver.engine.checkpoint import check_checkpoint
from aimo_solver.engine.hardware import AUTO
from aimo_solver.errors import InputError
from aimo_solver.kaggle.contests import find_contest
from aimo_solver.kaggle.inputs import INPUT_ROOT, INPUTS_VARIABLE
from aimo_solver.kaggle.kernel_metadata import read_kernel_metadata
from aimo_solver.kaggle.model_page import ModelPage, package_model
from aimo_solver.kaggle.package import package_single_file, package_wheels
from aimo_solver.kaggle.push import fetch, follow, submit, told
from aimo_solver.kaggle.push import push as push_kernel
from aimo_solver.kaggle.rehearsal import RehearsalPlan, rehearse
from aimo_solver.kaggle.wheels import Target
from aimo_solver.problems.problem_set import load_problem_set
from aimo_solver.utils.files import make_folder
from aimo_solver.utils.paths import DEMO_MODEL, DEMO_SET, PROJECT

COLOURS: Final = {State.OK: "green", State.WARN: "yellow", State.FAULT: "red"}

package = typer.Typer(help="What Kaggle needs, in folders that `kaggle` uploads.", no_args_is_help=True)

Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


def doctor(
    model: Annotated[Path, typer.Option(help="Folder of a checkpoint.")] = DEMO_MODEL,
    hardware: Annotated[str, typer.Option(help="Hardware settings' name or TOML file; auto: by the cards.")] = AUTO,
    inputs: Annotated[
        Path, typer.Option(envvar=INPUTS_VARIABLE, help="Where a contest and a model may be attached.")
    ] = INPUT_ROOT,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tells in seconds, without loading weights, whether the engine will start here. Exit code 1 when it will not.

    Example: aimo doctor --model /models/my-checkpoint --hardware h100
    """

    def run() -> None:
        found = examine(Patient(model, hardware, inputs))
        if as_json:
            typer.echo(json.dumps([asdict(finding) for finding in found], indent=2))
        else:
            console = Console()
            for finding in found:
                mark = f"[{COLOURS[finding.state]}]{finding.state:<5}[/]"
                console.print(f"{mark} {finding.name:<10} ", end="")
                console.print(finding.text, markup=False, highlight=False, soft_wrap=True)
        if any(finding.state is State.FAULT for finding in found):
            raise SystemExit(1)

    run_or_exit(run)


@package.command("wheels")
def wheels(
    out: Annotated[Path, typer.Argument(help="The dataset's folder; wheels in it are kept.")],
    id: Annotated[str, typer.Option(help="The dataset: user/slug.")],
    requirements: Annotated[
        list[Path], typer.Option("--requirements", help="A requirements file to download wheels for; repeatable.")
    ] = [],  # noqa: B006
    single: Annotated[
        list[str], typer.Option("--with", help="A single requirement, such as torch==2.13.0; repeatable.")
    ] = [],  # noqa: B006
    dependencies: Annotated[bool, typer.Option(help="Download what the requirements need, too.")] = True,
    python: Annotated[str, typer.Option(help="Python there.")] = "3.12",
    glibc: Annotated[int, typer.Option(help="glibc there: 35 is 2.35.")] = 35,
    quiet: Quiet = False,
) -> None:
    """Makes a dataset of wheels: ours and all that kernel.py needs on a machine without internet.

    Example: aimo package wheels build/wheels --id me/aimo-wheels --requirements requirements.txt
    """

    def run() -> None:
        project = PROJECT if (PROJECT / "pyproject.toml").is_file() else None
        if project is None and not any(out.glob("aimo_solver-*.whl")):
            raise InputError(f"{out}: put this project's own wheel there, as there is no checkout to build it from")
        target = Target(python, glibc)
        lock = package_wheels(
            out, id, [*requirements, *single], target, project=project, with_dependencies=dependencies, quiet=quiet
        )
        files = list(out.glob("*.whl"))
        size = sum(path.stat().st_size for path in files) / 2**20
        typer.echo(f"{out}: {len(files)} wheels for Python {python}, {size:,.0f} MiB, locked in {lock.name}")
        typer.echo(f"upload it with: kaggle datasets create -p {out}")

    run_or_exit(run)


@package.command("model")
def model(
    checkpoint: Annotated[Path, typer.Argument(help="Folder of a checkpoint.")],
    id: Annotated[str, typer.Option(help="owner/model/framework/variation.")],
    license: Annotated[str, typer.Option(help="A licence's name as Kaggle has it.")] = "Apache 2.0",
    base: Annotated[
        str | None, typer.Option(help="What it was made from: owner/model/framework/variation, or an address.")
    ] = None,
    measured: Annotated[
        Path | None, typer.Option(help="measured.md of aimo quantize measure: its table goes on the page.")
    ] = None,
) -> None:
    """Writes a checkpoint's model-metadata.json and model-instance-metadata.json, after a look at its files.

    Example: aimo package model mine-fp8 --id me/mine/transformers/fp8 --base me/mine/transformers/bf16
    """

    def run() -> None:
        check_checkpoint(checkpoint)
        for path in package_model(checkpoint, ModelPage(id, license, base, measured)):
            typer.echo(f"wrote {path}")
        typer.echo(
            f"upload it with: kaggle models create -p {checkpoint} && kaggle models variations create -p {checkpoint}"
        )

    run_or_exit(run)


@package.command("single-file")
def single_file(
    out: Annotated[Path, typer.Argument(help="The file to write.")] = Path("build/kernel.py"),
    kernel: Annotated[Path, typer.Option(help="The kernel to start from.")] = PROJECT / "kernel.py",
) -> None:
    """Writes kernel.py with the package inside, for people who attach no dataset for code.

    Example: aimo package single-file build/kernel.py
    """

    def run() -> None:
        make_folder(out.parent)
        typer.echo(f"{out}: {package_single_file(kernel, out):,} bytes")

    run_or_exit(run)


def rehearse_kernel(
    edition: Annotated[int, typer.Option(help="1, 2 or 3.")] = 3,
    problems: Annotated[Path, typer.Option(help="A .jsonl or .csv file of problems.")] = DEMO_SET,
    model: Annotated[Path, typer.Option(help="Folder of a checkpoint.")] = DEMO_MODEL,
    wheels: Annotated[
        Path | None, typer.Option(help="What `aimo package wheels` made; if not given, this environment is used.")
    ] = None,
    kernel: Annotated[Path, typer.Option(help="The kernel to rehearse.")] = PROJECT / "kernel.py",
    preset: Annotated[str, typer.Option(help="A preset's name; the demo model's own if not given.")] = "",
    saved: Annotated[bool, typer.Option("--saved", help="As a version is saved, not as it is scored.")] = False,
    limit_seconds: Annotated[float, typer.Option(help="The most it may take.")] = 3600.0,
    root: Annotated[Path | None, typer.Option(help="An empty folder to keep; a temporary one if not given.")] = None,
) -> None:
    """Does at home what Kaggle does: only kernel.py, attached inputs, no network, a gateway in another process.

    Example: aimo rehearse --edition 3 --wheels build/wheels
    """
    console = Console()

    def log(line: str) -> None:
        console.print(line, style="dim", soft_wrap=True, markup=False, highlight=False)

    def run() -> None:
        check_checkpoint(model)
        chosen = preset or ("demo" if model == DEMO_MODEL else "default")
        plan = RehearsalPlan(
            contest=find_contest(str(edition)),
            problems=load_problem_set(problems),
            model=model,
            kernel=kernel,
            wheels=wheels,
            arguments=("--preset", chosen),
            scored=not saved,
            limit_seconds=limit_seconds,
        )
        with tempfile.TemporaryDirectory(prefix="aimo-rehearsal-", ignore_cleanup_errors=True) as temporary:
            done = rehearse(plan, Path(temporary, "session") if root is None else root, log)
        golds = {problem.id: problem.gold for problem in plan.problems.problems if problem.gold is not None}
        right = sum(done.answers[id] == gold for id, gold in golds.items())
        table = Table("step", title=f"{plan.contest.name}: {len(done.answers)} answers, {right} of {len(golds)} right")
        table.add_column("seconds", justify="right")
        for name, seconds in done.seconds.items():
            table.add_row(name, f"{seconds:.1f}")
        console.print(table)

    run_or_exit(run)


def push(
    folder: Annotated[Path, typer.Argument(help="Holds kernel-metadata.json and the code it names.")] = Path("."),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show; send nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the version's run to its end.")] = False,
    submit_message: Annotated[
        str, typer.Option("--submit", help="Submit the finished version with this message; waits for it.")
    ] = "",
    fetch_to: Annotated[
        Path | None, typer.Option("--fetch", help="Bring the finished version's files here; waits for it.")
    ] = None,
    run_seconds: Annotated[int | None, typer.Option(min=1, help="The most its run may take.")] = None,
) -> None:
    """Sends kernel.py to Kaggle with the real `kaggle` command, after checks that save hours.

    Example: aimo push --submit "adaptive, fp8" --fetch runs/kaggle
    """

    def run() -> None:
        metadata = read_kernel_metadata(folder)
        for line in told(metadata):
            typer.echo(line)
        if dry_run:
            typer.echo("nothing was sent")
            return
        competitions = metadata.sources.get("competition_sources", [])
        if submit_message and not competitions:
            raise InputError("competition_sources must name the competition to submit to, got none")
        pushed = push_kernel(folder, run_seconds=run_seconds)
        typer.echo(f"version {pushed.version}: {pushed.url}")
        if wait or submit_message or fetch_to:
            follow(pushed, typer.echo)
        if submit_message:
            for competition in competitions:
                submit(pushed, competition, submit_message)
                typer.echo(f"version {pushed.version} is submitted to {competition}")
        if fetch_to is not None:
            for path in fetch(pushed, fetch_to):
                typer.echo(f"run folder {path}: aimo pool {os.path.relpath(path)} --out mine.jsonl")

    run_or_exit(run)
