"""A notebook: kernel.py as two cells, and what must hold for a notebook before Kaggle runs it.

Guarantees: the first cell holds the options, the second runs; both are the kernel's own lines. A
notebook's main thread runs an event loop and `sys.argv` belongs to Jupyter, so the second cell runs
the kernel in a thread of its own, with the options of the first.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from aimo_solver.errors import InputError
from aimo_solver.utils.files import read_text

SUFFIX: Final = ".ipynb"
OPTIONS_LINE: Final = "ARGUMENTS: list[str] = []"
"""The line of a kernel that holds its options."""
FORMAT: Final = 4
"""The notebook format that Kaggle runs."""
_MAGIC: Final = re.compile(r"^\s*([%!?].*|[^#'\"]*\?)$", re.MULTILINE)
"""A line that only IPython understands."""
_RUN: Final = '''

import sys
import threading


def run_kernel() -> None:
    """Runs the kernel in a thread of its own: this one runs the notebook's event loop."""
    ends: list[BaseException] = []

    def run() -> None:
        try:
            kernel()
        except BaseException as end:
            ends.append(end)

    sys.argv = ["kernel.py", *ARGUMENTS]
    thread = threading.Thread(target=run, name="kernel", daemon=True)
    thread.start()
    thread.join()
    if ends and not (isinstance(ends[0], SystemExit) and not ends[0].code):
        raise ends[0]


run_kernel()
'''


def notebook_from_kernel(kernel: Path) -> str:
    """Returns the kernel as the text of a notebook. Raises InputError for a file that is not the project's kernel."""
    text = read_text(kernel, "kernel.py")
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError) as error:
        raise InputError(f"{kernel}: must be valid Python: {error}") from error
    options = next((n for n, one in enumerate(statements) if ast.unparse(one).startswith("ARGUMENTS: ")), None)
    last = statements[-1] if statements else None
    if options is None or not isinstance(last, ast.If) or ast.unparse(last.test) != "__name__ == '__main__'":
        raise InputError(
            f"{kernel}: must have the line {OPTIONS_LINE} and end with `if __name__ == '__main__':`; "
            "use the project's own kernel.py"
        )
    lines = text.splitlines(keepends=True)
    first = statements[options]
    described = options + 1 < len(statements) and _is_text(statements[options + 1])
    ends_at = statements[options + 1].end_lineno if described else first.end_lineno
    before, own = lines[: first.lineno - 1], lines[first.lineno - 1 : ends_at]
    after, main = lines[ends_at : last.lineno - 1], lines[last.lineno :]
    running = "".join([*before, *after, "def kernel() -> None:\n", *main]).rstrip("\n")
    return _notebook_text(["".join(own).rstrip("\n"), running + "\n" + _RUN.rstrip("\n")])


def with_arguments(text: str, arguments: Sequence[str]) -> str:
    """Returns a kernel's text, script or notebook, with these options written into it."""
    line = OPTIONS_LINE.replace("[]", repr(list(arguments)))
    try:
        notebook = json.loads(text)
    except ValueError:
        return text.replace(OPTIONS_LINE, line)
    for cell in notebook["cells"]:
        cell["source"] = cell_source(cell).replace(OPTIONS_LINE, line)
    return json.dumps(notebook, indent=1)


def cell_source(cell: Mapping[str, Any]) -> str:
    """Returns a cell's text, which the format keeps as one string or as lines."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def read_notebook(text: str) -> dict[str, Any] | None:
    """Returns the notebook, or None if the text is not one."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", values) if isinstance(values, dict) and "cells" in values else None


def notebook_faults(notebook: Mapping[str, Any]) -> list[str]:
    """Returns one sentence with a cure for each fault that would end the notebook on Kaggle."""
    found: list[str] = []
    if notebook.get("nbformat") != FORMAT:
        found.append(f"nbformat must be {FORMAT}, got {notebook.get('nbformat')!r}; save it with a current Jupyter")
    spec: object = _object(notebook.get("metadata")).get("kernelspec")
    fields = _object(spec)
    if not isinstance(fields.get("name"), str) or not fields["name"]:
        found.append(
            "metadata.kernelspec must name the kernel that runs the notebook, such as "
            f'{{"name": "python3", "display_name": "Python 3", "language": "python"}}, got {spec!r}'
        )
    elif fields.get("language", "python") != "python":
        found.append(f"metadata.kernelspec must be of Python, got language {fields['language']!r}; choose python3")
    return [*found, *_cell_faults(notebook.get("cells"))]


def python_fault(source: str, *, is_cell: bool) -> str | None:
    """Returns why the source cannot be compiled, in words, or None. A cell may have a top-level `await`."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if is_cell else 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A doubtful escape is no error.
        try:
            compile(source, "code", "exec", flags, dont_inherit=True)
        except SyntaxError as error:
            return f"{error.msg}, line {error.lineno}"
        except (ValueError, RecursionError, MemoryError) as error:
            return str(error) or type(error).__name__
    return None


def _cell_faults(cells: object) -> list[str]:
    if not isinstance(cells, list):
        return [f"cells must be a list, got {type(cells).__name__}; save the notebook again"]
    found: list[str] = []
    code_cells = 0
    for number, one in enumerate(cast("list[Any]", cells), 1):
        cell = _object(one)
        source: object = cell.get("source")
        if "cell_type" not in cell or not isinstance(source, str | list):
            found.append(f"cell {number} must have cell_type and source; save the notebook again")
            continue
        if cell["cell_type"] != "code" or not (text := cell_source(cell)).strip():
            continue
        code_cells += 1
        if not _MAGIC.search(text) and (fault := python_fault(text, is_cell=True)):
            found.append(f"cell {number} is not valid Python ({fault}); correct it")
    return found or ([] if code_cells else ["cells must hold code to run, got none"])


def _object(value: object) -> dict[str, Any]:
    """Returns the value if it is a JSON object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _notebook_text(sources: Sequence[str]) -> str:
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": [],
            "source": source.splitlines(keepends=True),
        }
        for number, source in enumerate(sources, 1)
    ]
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook: dict[str, Any] = {"cells": cells, "metadata": metadata, "nbformat": FORMAT, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
