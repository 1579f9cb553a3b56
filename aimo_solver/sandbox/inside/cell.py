"""Runs one cell of Python in a namespace, as a notebook does, and formats its errors for a model.

Guarantees: the last expression is found in the syntax tree, never by editing text; whatever the
code raises comes back as a CellOutcome, except KeyboardInterrupt, which is left to the caller; an
error text has at most MAX_ERROR_CHARS characters and is the same in a sandbox and in the caller's
own process. Isolates nothing, and does not limit time, memory or output.

Every sandbox process imports this file when it starts, so it imports almost nothing: no `ast`
(its C half, `_ast`, is built in), `traceback`, `dataclasses` or `typing`.
"""

from __future__ import annotations

import sys
from _ast import Expr, Expression, Module, PyCF_ONLY_AST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, TracebackType
    from typing import Literal, TypeAlias

    CellStatus: TypeAlias = Literal["ok", "error", "exit", "memory_limit"]

MAX_ERROR_CHARS = 2000
MAX_MESSAGE_CHARS = 1000
MAX_SOURCE_LINE_CHARS = 200
MAX_FRAMES = 6
MAX_RECURSION_FRAMES = 2
"""All frames of a recursion look the same."""

_SOURCES = "__cell_sources__"
"""Where a namespace keeps its cells' source: a function of an early cell may raise in a later one."""
_CUT_LINE_CHARS = 40


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


class _Sources(dict[str, str]):
    """The cells' source by the file names of their code objects."""


def run_cell(code: str, namespace: dict[str, object]) -> CellOutcome:
    """Runs `code` in `namespace` and echoes its last expression to `sys.stdout`.

    Set `__name__` to "__main__" in the namespace for code that checks it. Lets KeyboardInterrupt through.
    """
    try:
        body, last = _compile(code, _remember(code, namespace))
        exec(body, namespace)
        if last is not None:
            _echo(eval(last, namespace))
    except KeyboardInterrupt:
        raise
    except SystemExit as error:
        return CellOutcome("exit", _message(error))
    except MemoryError as error:
        return CellOutcome("memory_limit", describe_error(error))
    except BaseException as error:  # Model code may raise anything, and all of it is data.
        return CellOutcome("error", describe_error(error))
    return CellOutcome("ok")


def clip(text: str, chars: int) -> str:
    """Returns `text` in at most `chars` characters (80 or more): its head, how much was cut, its tail."""
    if len(text) <= chars:
        return text
    kept = chars - _CUT_LINE_CHARS
    head, tail = kept // 2, kept - kept // 2
    return f"{text[:head]}\n... {len(text) - kept} characters cut ...\n{text[-tail:]}"


def describe_error(error: BaseException) -> str:
    """Returns a short traceback in Python's own format, without the frames of this file.

    Shows the last error only, not the chain that led to it: that is the one to fix.
    """
    lines = _frame_lines(error)
    if isinstance(error, SyntaxError):
        lines += _syntax_lines(error)
    return clip("\n".join([*lines, _message(error)]), MAX_ERROR_CHARS)


def _compile(code: str, name: str) -> tuple[CodeType, CodeType | None]:
    """Returns the statements, and the last expression if the cell ends with one."""
    # dont_inherit=True: the cell must not get this file's own `from __future__` imports.
    tree = compile(code, name, "exec", PyCF_ONLY_AST, True)
    assert isinstance(tree, Module), "PyCF_ONLY_AST returns a module"
    last = None
    if tree.body and isinstance(tree.body[-1], Expr):
        expression = tree.body.pop()
        assert isinstance(expression, Expr), "checked above"
        last = compile(Expression(expression.value), name, "eval", 0, True)
    return compile(tree, name, "exec", 0, True), last


def _echo(value: object) -> None:
    if value is not None:
        sys.stdout.write(repr(value) + "\n")


def _remember(code: str, namespace: dict[str, object]) -> str:
    """Keeps the cell's source for tracebacks; returns the file name for its code objects."""
    sources = namespace.get(_SOURCES)
    if not isinstance(sources, _Sources):  # The first cell, or the code cleared its own globals.
        sources = namespace[_SOURCES] = _Sources()
    name = f"<cell {len(sources) + 1}>"
    sources[name] = code
    return name


def _source_line(name: str, line: int, namespace: dict[str, object]) -> str:
    sources = namespace.get(_SOURCES)
    lines = sources.get(name, "").split("\n") if isinstance(sources, _Sources) else []
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def _frame_lines(error: BaseException) -> list[str]:
    """Formats the traceback's last frames; the cell's own innermost line is always included."""
    max_frames = MAX_RECURSION_FRAMES if isinstance(error, RecursionError) else MAX_FRAMES
    step = _outside_this_file(error.__traceback__)
    kept: list[TracebackType] = []
    total, innermost_in_cell = 0, -1
    in_cell: TracebackType | None = None
    while step is not None:
        if step.tb_frame.f_code.co_filename.startswith("<cell "):
            in_cell, innermost_in_cell = step, total
        kept.append(step)
        del kept[:-max_frames]
        total += 1
        step = step.tb_next
    if not kept:
        return []
    # No count: in a recursion it would depend on how deep the caller of run_cell is.
    cut = ["  ... more frames ..."] if total > len(kept) else []
    if in_cell is not None and innermost_in_cell < total - max_frames:
        kept[0] = in_cell  # Deep in a library: the model can only fix its own line.
        cut = [*_lines_of_frame(kept.pop(0)), *cut]
    lines = ["Traceback (most recent call last):", *cut]
    for frame in kept:
        lines += _lines_of_frame(frame)
    return lines


def _outside_this_file(step: TracebackType | None) -> TracebackType | None:
    this_file = run_cell.__code__.co_filename
    while step is not None and step.tb_frame.f_code.co_filename == this_file:
        step = step.tb_next
    return step


def _lines_of_frame(step: TracebackType) -> list[str]:
    code = step.tb_frame.f_code
    name = code.co_filename
    lines = [f'  File "{_shown(name)}", line {step.tb_lineno}, in {code.co_name}']
    source = _source_line(name, step.tb_lineno, step.tb_frame.f_globals)
    if source:
        lines.append("    " + clip(source, MAX_SOURCE_LINE_CHARS))
    return lines


def _shown(name: str) -> str:
    """Models know "<cell>"; the number is only for finding the source."""
    return "<cell>" if name.startswith("<cell ") else name


def _syntax_lines(error: SyntaxError) -> list[str]:
    """Shows where the code does not parse, with a caret under the place."""
    if error.lineno is None:
        return []
    lines = [f'  File "{_shown(str(error.filename))}", line {error.lineno}']
    text = str(error.text or "").rstrip()
    source = text.lstrip()
    if not source or len(source) > MAX_SOURCE_LINE_CHARS:
        return lines
    lines.append("    " + source)
    if error.offset:
        column = error.offset - 1 - (len(text) - len(source))
        width = 1
        if error.end_lineno == error.lineno and error.end_offset:
            width = max(1, error.end_offset - error.offset)
        if column >= 0:
            lines.append("    " + " " * column + "^" * width)
    return lines


def _message(error: BaseException) -> str:
    """Returns the last line of Python's traceback: the type's name, and the message if there is one."""
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    try:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:  # `__str__` is model code too; the wording is Python's own.
        message = "<exception str() failed>"
    return f"{name}: {clip(str(message), MAX_MESSAGE_CHARS)}" if message else name
