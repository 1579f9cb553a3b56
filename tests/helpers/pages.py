"""The commands of README.md and docs/: `sh` blocks run as they stand (`make test-pages`), all are spelt right.

A block marked `console` needs something that a checkout does not have: a network, a GPU, your own checkpoint.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aimo_solver.utils.paths import PROJECT

PAGES = tuple(sorted([PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *(PROJECT / "docs").glob("*.md")]))
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`(aimo [^`\n]+)`")
_PROMISE = re.compile(r"# prints: (.+)$")


@dataclass(frozen=True, slots=True)
class Command:
    """One line that a page asks its reader to type."""

    line: str
    promise: str | None
    """Text that its output holds, where the page says so with `# prints: ...`."""


def page_name(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


def run_as_they_stand(page: Path) -> list[Command]:
    """Returns the lines of the page's `sh` blocks, in order."""
    return [command for language, text in _blocks(page) if language == "sh" for command in _commands(text)]


def aimo_commands(page: Path) -> Iterator[list[str]]:
    """Yields the words of every `aimo` command on the page, whatever its block, inline ones included."""
    text = page.read_text(encoding="utf-8")
    lines = [command.line for _, block in _blocks(page) for command in _commands(block)]
    for line in [*lines, *_INLINE.findall(_BLOCK.sub("", text))]:
        words = shlex.split(line, comments=True)
        if words[:1] == ["aimo"]:
            yield words[1:]


def _blocks(page: Path) -> list[tuple[str, str]]:
    return [(match[2], match[3]) for match in _BLOCK.finditer(page.read_text(encoding="utf-8"))]


def _commands(block: str) -> Iterator[Command]:
    for line in block.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            promise = _PROMISE.search(line)
            yield Command(line.strip(), promise[1].strip() if promise else None)
