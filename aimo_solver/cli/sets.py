"""`aimo sets`: the public validation sets, by name."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from aimo_solver.cli.options import AsJson
from aimo_solver.errors import InputError
from aimo_solver.problems.problem_set import load_problem_set
from aimo_solver.problems.sets.check import Verdict, check_set
from aimo_solver.problems.sets.fetch import adopt_set, cached_path, fetch_set, local_problems
from aimo_solver.problems.sets.manifest import Hub, Manifest, load_manifest, manifests

app = typer.Typer(help="Public validation sets: list, show, fetch and check them.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(metavar="SET", help="Sets by name.", show_default="all")]
From = Annotated[Path | None, typer.Option("--from", metavar="FILE", help="A local copy, .jsonl or .csv.")]


@app.command("list")
def list_sets(as_json: AsJson = False) -> None:
    """Lists the sets: how many problems, whether the rows were verified, whether they are in the cache.

    Example: aimo sets list
    """
    known = manifests()
    if as_json:
        rows = [{"name": m.name, "count": m.count, "verified": m.unverified is None} for m in known.values()]
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("set", "title", "problems", "rows", "in cache")
    for manifest in known.values():
        state = "verified" if manifest.unverified is None else "unverified"
        here = "yes" if cached_path(manifest.name).exists() else "no"
        table.add_row(manifest.name, manifest.title, str(manifest.count or "?"), state, here)
    Console().print(table)


@app.command()
def show(name: Annotated[str, typer.Argument(metavar="SET", help="A set by name.")], as_json: AsJson = False) -> None:
    """Shows a set's source, rule, licence, corrections and faulty rows.

    Example: aimo sets show aime_2022_2024
    """
    manifest = load_manifest(name)
    if as_json:
        typer.echo(json.dumps(asdict(manifest), indent=2))
        return
    console = Console(highlight=False)
    console.print(manifest.title, style="bold")
    for label, text in _lines(manifest):
        console.print(f"[dim]{label}[/dim]  {text}", soft_wrap=True)


@app.command()
def fetch(names: Names = None, source: From = None) -> None:
    """Checks sets and puts them into the cache, where `aimo replay NAME` finds them.

    Example: aimo sets fetch aime_2022_2024

    From a local copy: aimo sets fetch aime_2022_2024 --from aime.jsonl
    """
    wanted = _wanted(names, source)
    failed = 0
    for manifest in wanted:
        try:
            verdict = fetch_set(manifest) if source is None else adopt_set(manifest, source)
            typer.echo(f"{manifest.name}: {verdict.text}; {cached_path(manifest.name)}")
        except InputError as error:  # The others may still be had.
            failed += 1
            typer.echo(f"error: {error}", err=True)
    if failed:
        raise SystemExit(1)


@app.command()
def check(names: Names = None, source: From = None, as_json: AsJson = False) -> None:
    """Checks the sets in the cache, or a local copy, against their manifests. A copy is named by its file.

    Example: aimo sets check --from aime_2022_2024.jsonl
    """
    verdicts: list[Verdict] = []
    for manifest in _wanted(names, source):
        if source is not None:
            verdicts.append(check_set(manifest, local_problems(manifest, source)))
        elif cached_path(manifest.name).exists():
            verdicts.append(check_set(manifest, load_problem_set(cached_path(manifest.name)).problems))
        elif names:
            raise InputError(f"{manifest.name}: is not in the cache; run aimo sets fetch {manifest.name}")
    if as_json:
        typer.echo(json.dumps([asdict(verdict) for verdict in verdicts], indent=2))
    for verdict in () if as_json else verdicts:
        typer.echo(f"{verdict.name}: {'ok' if verdict.same else 'NOT THE SET'}: {verdict.text}")
    if not verdicts and not as_json:
        typer.echo("no set is in the cache; run aimo sets fetch NAME")
    if not all(verdict.same for verdict in verdicts):
        raise SystemExit(1)


def _wanted(names: list[str] | None, source: Path | None) -> list[Manifest]:
    if names:
        if source is not None and len(names) > 1:
            raise InputError("--from is a copy of one set; name that one")
        return [load_manifest(name) for name in names]
    return list(manifests().values()) if source is None else [load_manifest(source.stem)]


def _source(hub: Hub) -> str:
    place = f"{hub.dataset} at {hub.revision}, {hub.files}"
    return place if hub.seen else f"{place} (as its page says; not fetched when this was written)"


def _lines(manifest: Manifest) -> list[tuple[str, str]]:
    hub = manifest.hub
    lines = [
        ("problems", str(manifest.count or "unknown")),
        ("rows", "verified" if manifest.unverified is None else f"unverified: {manifest.unverified}"),
        ("source", "none on a hub" if hub is None else _source(hub)),
        ("rule", manifest.rule),
        ("answers", manifest.answer_rule),
        ("licence", manifest.licence),
        ("do not", manifest.redistribution),
    ]
    lines += [("corrected", f"{c.id}: {c.ground}") for c in manifest.corrections]
    return lines + [("faulty", f"{fault.id}: {fault.reason}") for fault in manifest.faulty]
