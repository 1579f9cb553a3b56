"""Error texts: what a model reads of an exception that its cell raised.

Guarantees: a text has at most MAX_ERROR_CHARS characters, shows the cell's own line, and is the same in a
sandbox and in the caller's own process.

Every sandbox process imports this file when it starts, so it imports almost nothing: no `traceback`.
"""

from __future__ import annotations

from aimo_solver.sandbox.inside.advice import advice
from aimo_solver.sandbox.inside.history import is_cell, source_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

MAX_ERROR_CHARS = 2000
MAX_MESSAGE_CHARS = 1000
MAX_SOURCE_LINE_CHARS = 200
MAX_FRAMES = 6
MAX_RECURSION_FRAMES = 2
"""All frames of a recursion look the same."""

_CUT_LINE_CHARS = 40
_THIS_FOLDER = __file__.removesuffix("error_text.py")


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
    return clip("\n".join([*lines, last_line(error)]), MAX_ERROR_CHARS)


def exit_line(error: SystemExit) -> str:
    """Returns the last line of an exit's traceback; `exit()` and `sys.exit()` read the same."""
    return "SystemExit" if error.code is None else last_line(error)


def _frame_lines(error: BaseException) -> list[str]:
    """Formats the traceback's last frames; the cell's own innermost line is always included."""
    max_frames = MAX_RECURSION_FRAMES if isinstance(error, RecursionError) else MAX_FRAMES
    kept: list[TracebackType] = []
    total, innermost_in_cell = 0, -1
    in_cell: TracebackType | None = None
    for step in _steps(error.__traceback__):
        if is_cell(_file(step)):
            in_cell, innermost_in_cell = step, total
        kept.append(step)
        del kept[:-max_frames]
        total += 1
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


def _steps(step: TracebackType | None) -> Iterator[TracebackType]:
    """Yields the frames from the cell's first one on, without those of the runner; all others if there is none."""
    start = step
    while start is not None and not is_cell(_file(start)):  # The event loop's frames come before an awaiting cell's.
        start = start.tb_next
    step = start or step
    while step is not None:
        if not _file(step).startswith(_THIS_FOLDER):
            yield step
        step = step.tb_next


def _file(step: TracebackType) -> str:
    return step.tb_frame.f_code.co_filename


def _lines_of_frame(step: TracebackType) -> list[str]:
    code = step.tb_frame.f_code
    name = code.co_filename
    lines = [f'  File "{_shown(name)}", line {step.tb_lineno}, in {code.co_name}']
    source = source_line(name, step.tb_lineno, step.tb_frame.f_globals)
    if source:
        lines.append("    " + clip(source, MAX_SOURCE_LINE_CHARS))
    return lines


def _shown(name: str) -> str:
    """Models know "<cell>"; the number is only for finding the source."""
    return "<cell>" if is_cell(name) else name


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


def last_line(error: BaseException) -> str:
    """Returns the last line of Python's traceback: the type's name, and the message if there is one."""
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    try:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        instead = advice(error)
    except KeyboardInterrupt:
        raise
    except BaseException:  # `__str__` is model code too; the wording is Python's own.
        message, instead = "<exception str() failed>", ""
    text = f"{name}: {clip(str(message), MAX_MESSAGE_CHARS)}" if message else name
    return f"{text}; {instead}" if instead else text
