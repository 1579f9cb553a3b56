"""Runs a notebook's cells as Kaggle does: in order, in one namespace, without `__file__`, in a running event loop.

Standard library only: a rehearsal runs this text with `python -c` in the kernel's own environment. It
knows nothing of IPython's own commands, such as `!pip` and `%time`, and says so.
"""

import ast
import asyncio
import inspect
import json
import re
import sys
import types
from pathlib import Path

ARGV = ["ipykernel_launcher.py", "-f", "/root/.local/share/jupyter/runtime/kernel.json"]
"""What a cell finds in sys.argv."""
OWN_COMMAND = re.compile(r"^\s*[%!]\S+", re.MULTILINE)


async def run_cells(sources: list[str]) -> None:
    """Runs each cell in a new `__main__`. Exits with 1 and a sentence for what only IPython runs."""
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    for number, source in enumerate(sources, 1):
        try:
            code = compile(source, f"cell {number}", "exec", flags, dont_inherit=True)
        except SyntaxError:
            command = OWN_COMMAND.search(source)
            if command is None:
                raise
            sys.exit(f"error: cell {number} has {command[0].strip()}, which only IPython runs; write it in Python")
        ended = eval(code, main.__dict__)
        if inspect.isawaitable(ended):
            await ended


def read_cells(path: str) -> list[str]:
    """Reads the code cells' sources."""
    cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


if __name__ == "__main__":
    cells = read_cells(sys.argv[1])
    sys.argv = ARGV
    asyncio.run(run_cells(cells))
