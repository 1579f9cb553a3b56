"""The commands of `aimo`, groups opened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

from aimo_solver.cli.main import app


def all_commands() -> Iterator[tuple[str, Any]]:
    """Yields every command by its whole name, such as "sets list"."""
    yield from _below("", typer.main.get_command(app))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
        return
    for child in children:
        yield from _below(f"{name} {child}".strip(), children[child])
