"""Magics: what the Python that notebook.py writes calls while a cell runs, and `display`.

Everything it says is one line of the cell's own output.
"""

from __future__ import annotations

import re
import sys
import time

from aimo_solver.sandbox.inside.error_text import clip
from aimo_solver.sandbox.inside.libraries import can_import, importable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Value = TypeVar("Value")

_MAX_COMMAND_CHARS = 200
_MAX_SIGNATURE_CHARS = 500
_MAX_HELP_CHARS = 2000
_INSTALL = re.compile(r"\binstall\b")
_VERSION = re.compile(r"[<>=!~\[;@]")
_MODULES = {"scikit-learn": "sklearn", "z3-solver": "z3", "python-sat": "pysat", "pillow": "PIL"}
"""Packages whose module has another name."""


class Magics:
    """What a translated cell finds under one name."""

    def __init__(self) -> None:
        self.timer = _Timer()

    def now(self) -> float:
        """Returns the clock's seconds."""
        return time.perf_counter()

    def timed(self, started: float, value: Value) -> Value:
        """Prints the seconds since `started`, and returns the value."""
        _say(f"Wall time: {_duration(time.perf_counter() - started)}")
        return value

    def shell(self, command: str) -> None:
        """Says that the command is not run; of an installation, what is there."""
        shown = clip(command, _MAX_COMMAND_CHARS)
        if _INSTALL.search(command):
            _say(f"{shown}: nothing can be installed here; {_what_is_there(command)}")
        else:
            _say(f"!{shown}: shell commands are not run here; write it in Python")

    def skip(self, text: str) -> None:
        """Says that this piece of notebook syntax is not known."""
        _say(f"{clip(text, _MAX_COMMAND_CHARS)}: not known here, and skipped")

    def skip_cell(self, magic: str) -> None:
        """Says that the whole cell was not run."""
        _say(f"{magic}: a cell of this kind is not run here; write it in Python")

    def write(self, arguments: str, body: str) -> None:
        """Writes the body to the file that is named last; `-a` appends it."""
        *options, name = arguments.split()
        appended = "-a" in options or "--append" in options
        with open(name.strip("\"'"), "a" if appended else "w", encoding="utf-8") as file:
            file.write(body if body.endswith("\n") else body + "\n")
        _say(f"{'Appending to' if appended else 'Writing'} {name}")

    def explain(self, name: str, get: Callable[[], object]) -> None:
        """Prints the signature and the documentation of an object."""
        import inspect

        try:
            value = get()
        except (NameError, AttributeError):
            _say(f"{name}?: there is no such name")
            return
        try:
            signature = f"{name}{inspect.signature(value)}" if callable(value) else f"{name} = {value!r}"
        except (TypeError, ValueError):
            signature = name
        signature = clip(signature, _MAX_SIGNATURE_CHARS)
        _say(clip(f"{signature}\n{inspect.getdoc(value) or 'no documentation'}", _MAX_HELP_CHARS))


class _Timer:
    """Prints the time that the statements under it took, unless they fail."""

    def __init__(self) -> None:
        self._started: list[float] = []

    def __enter__(self) -> None:
        self._started.append(time.perf_counter())

    def __exit__(self, kind: object, *_: object) -> None:
        started = self._started.pop()
        if kind is None:
            _say(f"Wall time: {_duration(time.perf_counter() - started)}")


def display(*values: object, **options: object) -> None:
    """Prints each value as the last line of a cell is echoed; IPython's options change nothing here."""
    for value in values:
        _say(repr(value))


MAGICS = Magics()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _what_is_there(command: str) -> str:
    """Names the packages of an installation if sessions have them all, and otherwise the libraries there are."""
    words = command[_INSTALL.search(command).end() :].split()  # pyright: ignore[reportOptionalMemberAccess]
    wanted = [_VERSION.split(word, maxsplit=1)[0] for word in words if not word.startswith("-")]
    modules = [_MODULES.get(name.lower(), name.lower().replace("-", "_")) for name in wanted]
    if wanted and all(name.isidentifier() and can_import(name) for name in modules):
        return f"{' and '.join(wanted)} can be imported already"
    return f"these libraries can be imported: {', '.join(importable())}"


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"
