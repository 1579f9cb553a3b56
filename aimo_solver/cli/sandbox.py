"""`aimo sandbox`: what holds code in on this machine, and running files by hand."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from aimo_solver.app.runtime import open_sandbox, probe_layers
from aimo_solver.cli.options import AsJson
from aimo_solver.config.fields import MAX_CELL_SECONDS
from aimo_solver.errors import InputError
from aimo_solver.sandbox.base import ExecutionResult
from aimo_solver.sandbox.inside.layers import EFFECTS, ON

app = typer.Typer(help="Shows what the sandbox keeps out, and runs files in it.", no_args_is_help=True)


@app.command()
def probe(as_json: AsJson = False) -> None:
    """Shows which layers of isolation work on this machine, and why the others do not.

    Example: aimo sandbox probe
    """
    states = probe_layers()
    if as_json:
        typer.echo(json.dumps(states))
        return
    table = Table("layer", "keeps")
    table.add_column("state", overflow="fold")
    for name, state in states.items():
        table.add_row(name, EFFECTS[name], f"[{'green' if state == ON else 'yellow'}]{state}[/]")
    Console().print(table)


@app.command()
def run(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Python files.")],
    timeout: Annotated[float, typer.Option(metavar="S", help="Seconds per cell.")] = 5.0,
    as_json: AsJson = False,
) -> None:
    """Runs each file as one cell of one session. Exit code 0 when every cell was ok.

    Example: aimo sandbox run setup.py solve.py --timeout 10 --json
    """
    cells = [_read(path) for path in files]
    if not 0 < timeout <= MAX_CELL_SECONDS:
        raise InputError(f"timeout must be above 0 and at most {MAX_CELL_SECONDS:,.0f} seconds, got {timeout!r}")
    results = asyncio.run(_run(cells, files, timeout, as_json=as_json))
    if any(result.error for result in results):
        raise typer.Exit(1)


async def _run(cells: list[str], files: list[Path], timeout_seconds: float, *, as_json: bool) -> list[ExecutionResult]:
    results: list[ExecutionResult] = []
    async with open_sandbox() as sandbox:
        session = await sandbox.open_session()
        layers = await sandbox.layers()
        on = [name for name, state in layers.items() if state == ON]
        for path, cell in zip(files, cells, strict=True):
            result = await session.execute(cell, timeout_seconds)
            results.append(result)
            if as_json:
                typer.echo(json.dumps({"file": str(path), **asdict(result), "layers": on}))
            else:
                _show(path, result)
    return results


def _show(path: Path, result: ExecutionResult) -> None:
    peak = f", {result.peak_bytes / 2**20:.0f} MB" if result.peak_bytes else ""
    typer.secho(f"{path}: {result.status} in {result.seconds:.3f} s{peak}", bold=True)
    typer.echo(result.stdout, nl=False)
    if result.error:
        typer.secho(result.error, fg="red")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not text in UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
