"""Runs one cell of Python in a namespace, as a notebook does.

Guarantees: the last expression is found in the syntax tree, never by editing text; only a cell that is
not Python is read as notebook syntax (notebook.py); whatever the code raises comes back as a
CellOutcome, except KeyboardInterrupt, which is left to the caller; outcomes are the same in a sandbox
and in the caller's own process. Isolates nothing, and does not limit time, memory or output.

Every sandbox process imports this file when it starts, so it imports almost nothing: no `ast`
(its C half, `_ast`, is built in), `asyncio`, `dataclasses` or `typing`.
"""

from __future__ import annotations

import sys
from _ast import Expr, Expression, Module, PyCF_ALLOW_TOP_LEVEL_AWAIT, PyCF_ONLY_AST

from aimo_solver.sandbox.inside.error_text import describe_error, exit_line
from aimo_solver.sandbox.inside.history import History, history_of, keep_echo, remember, source_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import CodeType
    from typing import Any, Literal, TypeAlias

    CellStatus: TypeAlias = Literal["ok", "error", "exit", "memory_limit"]

_COROUTINE = 0x80
"""inspect.CO_COROUTINE: the code awaits."""


class CellOutcome:
    """How a cell ended: `status`, a value of ExecutionStatus, and `error`, empty when it is ok.

    A plain class: importing dataclasses would slow the start of every sandbox process.
    """

    __slots__ = ("error", "status")

    def __init__(self, status: CellStatus, error: str = "") -> None:
        self.status: CellStatus = status
        self.error = error

    def __repr__(self) -> str:
        return f"CellOutcome(status={self.status!r}, error={self.error!r})"


class _Compiled:
    """A cell's statements, and its last expression if it ends with one."""

    __slots__ = ("awaits", "body", "last", "quiet")

    def __init__(self, body: CodeType, last: CodeType | None, *, quiet: bool) -> None:
        self.body = body
        self.last = last
        self.quiet = quiet
        """The last expression ends with a semicolon, so it is not echoed."""
        self.awaits = bool((body.co_flags | (last.co_flags if last is not None else 0)) & _COROUTINE)


def run_cell(code: str, namespace: dict[str, object]) -> CellOutcome:
    """Runs `code` in `namespace` and echoes its last expression to `sys.stdout`.

    Set `__name__` to "__main__" in the namespace for code that checks it. Lets KeyboardInterrupt through.
    """
    try:
        name = remember(code, namespace)
        # Not run where the error is handled: the code would see it as the one being handled.
        cell = _compile_python(code, name)
        if cell is None:
            _run_notebook(code, name, namespace)
        else:
            _run(cell, namespace)
    except KeyboardInterrupt:
        raise
    except SystemExit as error:
        return CellOutcome("exit", f"{exit_line(error)}; the cell ended there, and the session goes on")
    except MemoryError as error:
        return CellOutcome("memory_limit", describe_error(error))
    except BaseException as error:  # Model code may raise anything, and all of it is data.
        return CellOutcome("error", describe_error(error))
    return CellOutcome("ok")


def _compile_python(code: str, name: str) -> _Compiled | None:
    try:
        return _compile(code, name)
    except SyntaxError:
        return None


def _run_notebook(code: str, name: str, namespace: dict[str, object]) -> None:
    """Runs a cell that is not Python as a notebook does. Raises the SyntaxError if it is neither."""
    from aimo_solver.sandbox.inside import magics, notebook

    translation = notebook.translate(code)
    try:
        cell = _compile(translation.text, name)
    except SyntaxError as error:
        line = source_line(name, error.lineno or 0, namespace)
        if line and line != (error.text or "").strip():  # Translated, so that the place in it would mislead.
            error.text, error.offset = line, None
        raise
    namespace[notebook.MAGICS] = magics.MAGICS
    if translation.timed:
        with magics.MAGICS.timer:
            _run(cell, namespace)
    else:
        _run(cell, namespace)


def _compile(code: str, name: str) -> _Compiled:
    # dont_inherit=True: the cell must not get this file's own `from __future__` imports.
    tree = compile(code, name, "exec", PyCF_ONLY_AST, True)
    assert isinstance(tree, Module), "PyCF_ONLY_AST returns a module"
    last, quiet = None, False
    if tree.body and isinstance(tree.body[-1], Expr):
        expression = tree.body.pop()
        assert isinstance(expression, Expr), "checked above"
        last = compile(Expression(expression.value), name, "eval", PyCF_ALLOW_TOP_LEVEL_AWAIT, True)
        quiet = ";" in code and _ends_with_semicolon(code, expression)
    return _Compiled(compile(tree, name, "exec", PyCF_ALLOW_TOP_LEVEL_AWAIT, True), last, quiet=quiet)


def _ends_with_semicolon(code: str, last: Expr) -> bool:
    """Returns whether one follows the cell's last statement: there is nothing else but space and comments."""
    lines = code.split("\n")[(last.end_lineno or 1) - 1 :]
    rest = lines[0].encode()[last.end_col_offset :].decode()
    return any(";" in line.partition("#")[0] for line in (rest, *lines[1:]))


def _run(cell: _Compiled, namespace: dict[str, object]) -> None:
    if cell.awaits:
        value = _await(_evaluate_in_loop(cell, namespace), history_of(namespace))
    else:
        eval(cell.body, namespace)
        value = None if cell.last is None else eval(cell.last, namespace)
    if value is not None and not cell.quiet:
        sys.stdout.write(repr(value) + "\n")
        keep_echo(value, namespace)


async def _evaluate_in_loop(cell: _Compiled, namespace: dict[str, object]) -> object:
    """Evaluates all of the cell inside the event loop, as what it does before it awaits may need the loop."""
    value = None
    for code in (cell.body, cell.last):
        if code is not None:
            value = eval(code, namespace)
            if code.co_flags & _COROUTINE:
                value = await value
    return value


def _await(coroutine: Coroutine[Any, Any, object], history: History) -> object:
    import asyncio

    if history.loop is None or history.loop.is_closed():
        history.loop = asyncio.new_event_loop()
    asyncio.set_event_loop(history.loop)
    try:
        return history.loop.run_until_complete(coroutine)
    except KeyboardInterrupt:
        for task in asyncio.all_tasks(history.loop):
            task.cancel()  # Otherwise it would go on in the next cell that awaits.
        raise
