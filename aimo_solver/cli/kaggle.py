"""`aimo doctor`, `package`, `rehearse` and `push`: the way to a Kaggle submission."""

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

from aimo_solver.app.doctor import DoctorTarget, Severity, diagnose
from aimo_solver.cli.kernel_folder import notebook, single_file
from aimo_solver.cli.options import AsJson, DialectName, HardwareName, Model, PresetName
from aimo_solver.config.contest import find_contest
from aimo_solver.engine.checkpoint import check_checkpoint
from aimo_solver.engine.hardware import AUTO
from aimo_solver.errors import InputError
from aimo_solver.kaggle.credentials import check_credentials
from aimo_solver.kaggle.damaged_files import check_files
from aimo_solver.kaggle.inputs import INPUT_ROOT, INPUTS_VARIABLE
from aimo_solver.kaggle.kernel_metadata import read_kernel_metadata
from aimo_solver.kaggle.model_page import ModelPage, package_model
from aimo_solver.kaggle.package import package_wheels
from aimo_solver.kaggle.push import describe_kernel, fetch, follow, submit
from aimo_solver.kaggle.push import push as push_kernel
from aimo_solver.kaggle.rehearsal import RehearsalPlan
from aimo_solver.kaggle.rehearsal import rehearse as rehearse_kernel
from aimo_solver.kaggle.requirements_file import LOCKED_ENVIRONMENTS, choose_lock, locked_requirements
from aimo_solver.kaggle.wheel_target import WheelTarget
from aimo_solver.problems.problem_set import load_problem_set
from aimo_solver.utils.log import console_log
from aimo_solver.utils.paths import DEMO_MODEL, DEMO_SET, PROJECT, from_anywhere

COLOURS: Final = {Severity.OK: "green", Severity.WARN: "yellow", Severity.FAULT: "red"}

package = typer.Typer(help="Makes what Kaggle needs, in folders that `kaggle` uploads.", no_args_is_help=True)


def doctor(
    model: Model = DEMO_MODEL,
    hardware: HardwareName = AUTO,
    preset: PresetName = None,
    dialect: DialectName = None,
    inputs: Annotated[
        Path,
        typer.Option(metavar="DIR", envvar=INPUTS_VARIABLE, help="Where a contest and a model may be attached."),
    ] = INPUT_ROOT,
    as_json: AsJson = False,
) -> None:
    """Checks in seconds, without loading weights, whether the engine will start here. Exit code 1 when it will not.

    The installed vLLM is asked too, in a process of its own, and the tokenizer, for what the preset needs of it.

    Example: aimo doctor --model /models/my-checkpoint --hardware h100
    """
    found = diagnose(DoctorTarget(model, hardware, inputs, preset, dialect))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        console = Console()
        for finding in found:
            mark = f"[{COLOURS[finding.severity]}]{finding.severity:<5}[/]"
            console.print(f"{mark} {finding.name:<10} ", end="")
            console.print(finding.text, markup=False, highlight=False, soft_wrap=True)
    if any(finding.severity is Severity.FAULT for finding in found):
        raise SystemExit(1)


@package.command("wheels")
def wheels(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The dataset's folder; wheels in it are kept.")],
    id: Annotated[str, typer.Option(metavar="USER/SLUG", help="The dataset's name on Kaggle.")],
    lock: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"A locked environment to download: {', '.join(LOCKED_ENVIRONMENTS)}."),
    ] = None,
    driver: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="Choose the lock for this NVIDIA driver, such as 580 (nvidia-smi)."),
    ] = None,
    requirements: Annotated[
        list[Path],
        typer.Option("--requirements", metavar="FILE", help="Requirements to download wheels for; repeatable."),
    ] = [],  # noqa: B006
    single: Annotated[
        list[str],
        typer.Option("--with", metavar="SPEC", help="One requirement, such as torch==2.13.0; repeatable."),
    ] = [],  # noqa: B006
    dependencies: Annotated[bool, typer.Option(help="Download what the requirements depend on, too.")] = True,
    python: Annotated[str, typer.Option(metavar="X.Y", help="Python version on the target machine.")] = "3.12",
    glibc: Annotated[int, typer.Option(metavar="N", help="glibc version on the target machine; 35 is 2.35.")] = 35,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no progress.")] = False,
) -> None:
    """Makes a dataset of wheels: ours and all that kernel.py needs on a machine without internet.

    Example: aimo package wheels build/wheels --id me/aimo-wheels --driver 580
    """
    project = PROJECT if (PROJECT / "pyproject.toml").is_file() else None
    if project is None and not any(out.glob("aimo_solver-*.whl")):
        raise InputError(f"{out}: put this project's own wheel there, as there is no checkout to build it from")
    if lock is not None and driver is not None:
        raise InputError(f"lock must not be given with --driver, which chooses it, got {lock!r}")
    chosen = choose_lock(driver) if driver is not None else lock
    locked = [] if chosen is None else [locked_requirements(chosen)]
    target = WheelTarget(python, glibc)
    written = package_wheels(
        out,
        dataset_id=id,
        requirements=[*locked, *requirements, *single],
        target=target,
        project=project,
        with_dependencies=dependencies,
        quiet=quiet,
    )
    files = list(out.glob("*.whl"))
    size = sum(path.stat().st_size for path in files) / 2**20
    typer.echo(f"{out}: {len(files)} wheels for Python {python}, {size:,.0f} MiB, locked in {written.name}")
    typer.echo(f"upload it with: kaggle datasets create -p {out}")


@package.command("model")
def model(
    checkpoint: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a checkpoint.")],
    id: Annotated[str, typer.Option(metavar="ID", help="owner/model/framework/variation.")],
    license: Annotated[str, typer.Option(metavar="NAME", help="A licence, as Kaggle names it.")] = "Apache 2.0",
    base: Annotated[
        str | None,
        typer.Option(metavar="ID", help="What it was made from: owner/model/framework/variation, or an address."),
    ] = None,
    measured: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="measured.md of `aimo quantize measure`; its table goes on the page."),
    ] = None,
) -> None:
    """Checks a checkpoint and writes its model-metadata.json and model-instance-metadata.json.

    Example: aimo package model mine-fp8 --id me/mine/transformers/fp8 --base me/mine/transformers/bf16
    """
    check_files(checkpoint)
    check_checkpoint(checkpoint)
    for path in package_model(checkpoint, ModelPage(id=id, license_name=license, base=base, measured=measured)):
        typer.echo(f"wrote {path}")
    typer.echo(
        f"upload it with: kaggle models create -p {checkpoint} && kaggle models variations create -p {checkpoint}"
    )


package.command("single-file")(single_file)
package.command("notebook")(notebook)


def rehearse(
    contest: Annotated[
        str, typer.Option(metavar="NAME", help="The contest to rehearse, by name or TOML file.")
    ] = "aimo3",
    problems: Annotated[
        Path,
        typer.Option(metavar="FILE", help="A .jsonl or .csv file of problems.", show_default="the demo set"),
    ] = DEMO_SET,
    model: Model = DEMO_MODEL,
    preset: PresetName = None,
    dialect: DialectName = None,
    wheels: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A folder made by `aimo package wheels`.", show_default="this environment"),
    ] = None,
    kernel: Annotated[
        Path, typer.Option(metavar="FILE", help="The script or notebook to rehearse.", show_default="kernel.py")
    ] = PROJECT / "kernel.py",
    saved: Annotated[bool, typer.Option("--saved", help="As a version is saved, not as it is scored.")] = False,
    limit_seconds: Annotated[float, typer.Option(metavar="S", help="The most that the kernel may take.")] = 3600.0,
    root: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="An empty folder, kept afterwards.", show_default="a temporary folder"),
    ] = None,
) -> None:
    """Does at home what Kaggle does: only the kernel's file, attached inputs, no network, a gateway in another process.

    Example: aimo rehearse --contest aimo3 --wheels build/wheels
    """
    console = Console()
    check_checkpoint(model)
    plan = RehearsalPlan(
        contest=find_contest(contest),
        problems=load_problem_set(problems),
        model=model,
        kernel=kernel,
        wheels=wheels,
        arguments=(
            *(() if preset is None else ("--preset", from_anywhere(preset))),
            *(() if dialect is None else ("--dialect", dialect)),
        ),
        scored=not saved,
        limit_seconds=limit_seconds,
    )
    with tempfile.TemporaryDirectory(prefix="aimo-rehearsal-", ignore_cleanup_errors=True) as temporary:
        done = rehearse_kernel(plan, Path(temporary, "session") if root is None else root, console_log(console))
        # Before the folder is deleted, which takes a while after an installation.
        golds = {problem.id: problem.gold for problem in plan.problems.problems if problem.gold is not None}
        right = sum(done.answers[id] == gold for id, gold in golds.items())
        table = Table("step", title=f"{plan.contest.name}: {len(done.answers)} answers, {right} of {len(golds)} right")
        table.add_column("seconds", justify="right")
        for name, seconds in done.seconds.items():
            table.add_row(name, f"{seconds:.1f}")
        console.print(table)


def push(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of kernel-metadata.json and the code it names.")
    ] = Path("."),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and show what would be sent; send nothing.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the version's run to its end.")] = False,
    submit_message: Annotated[
        str,
        typer.Option("--submit", metavar="TEXT", help="Submit the finished version with this message; implies --wait."),
    ] = "",
    fetch_to: Annotated[
        Path | None,
        typer.Option("--fetch", metavar="DIR", help="Download the finished version's files; implies --wait."),
    ] = None,
    run_seconds: Annotated[int | None, typer.Option(min=1, metavar="S", help="Limit on the version's run.")] = None,
) -> None:
    """Sends a kernel to Kaggle with the real `kaggle` command, after checks that save hours.

    Example: aimo push --submit "adaptive, fp8" --fetch runs/kaggle
    """
    metadata = read_kernel_metadata(folder)
    for line in describe_kernel(metadata):
        typer.echo(line)
    check_credentials()
    if dry_run:
        typer.echo("nothing was sent")
        return
    competitions = metadata.sources.get("competition_sources", [])
    if submit_message and not competitions:
        raise InputError("competition_sources must name the competition to submit to, got none")
    pushed = push_kernel(folder, max_seconds=run_seconds)
    typer.echo(f"version {pushed.version}: {pushed.url}")
    if wait or submit_message or fetch_to:
        follow(pushed, typer.echo)
    if submit_message:
        for competition in competitions:
            submit(pushed, competition=competition, message=submit_message)
            typer.echo(f"version {pushed.version} is submitted to {competition}")
    if fetch_to is not None:
        for path in fetch(pushed, fetch_to):
            typer.echo(f"run folder {path}: aimo pool {os.path.relpath(path)} --out mine.jsonl")
