"""History: what a namespace keeps of its cells: their source for tracebacks, what they echoed, their event loop."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_HISTORY = "__cell_history__"
_ECHOED = ("_", "__", "___")


class History:
    """The cells of one namespace."""

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}
        """By the file names of the cells' code objects: a function of an early cell may raise in a later one."""
        self.echoed: tuple[object, ...] = ()
        """The last values, as they were put under `_`, `__` and `___`."""
        self.loop: AbstractEventLoop | None = None
        """One for all cells: a task that one has begun goes on while a later one awaits."""


def history_of(namespace: dict[str, object]) -> History:
    """Returns the namespace's history: a new one before its first cell, and if the code cleared its own globals."""
    history = namespace.get(_HISTORY)
    if not isinstance(history, History):
        history = namespace[_HISTORY] = History()
    return history


def remember(code: str, namespace: dict[str, object]) -> str:
    """Keeps the cell's source; returns the file name for its code objects."""
    sources = history_of(namespace).sources
    name = f"<cell {len(sources) + 1}>"
    sources[name] = code
    return name


def is_cell(name: str) -> bool:
    """Returns whether this is the file name of a cell."""
    return name.startswith("<cell ")


def source_line(name: str, line: int, namespace: dict[str, object]) -> str:
    """Returns the line without its indent; "" where it is not known."""
    history = namespace.get(_HISTORY)
    lines = history.sources.get(name, "").split("\n") if isinstance(history, History) else []
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def keep_echo(value: object, namespace: dict[str, object]) -> None:
    """Puts the value under `_`, and those before under `__` and `___`, unless the code uses these names itself."""
    history = history_of(namespace)
    for name, echoed in zip(_ECHOED, (*history.echoed, None, None, None), strict=False):
        if namespace.get(name) is not echoed:
            return
    history.echoed = (value, *history.echoed)[: len(_ECHOED)]
    namespace.update(zip(_ECHOED, history.echoed, strict=False))
