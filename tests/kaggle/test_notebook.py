"""Notebooks: the kernel's own lines in two cells, run as Kaggle runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from aimo_solver.errors import InputError
from aimo_solver.kaggle import notebook_runner
from aimo_solver.kaggle.notebook import (
    cell_source,
    notebook_faults,
    notebook_from_kernel,
    read_notebook,
    with_arguments,
)
from aimo_solver.utils.paths import PROJECT

KERNEL = """import asyncio

ARGUMENTS: list[str] = []
'''Options.'''
GREETING = "hello"


def greet() -> str:
    return GREETING


if __name__ == "__main__":
    import sys

    async def work() -> None:
        print(greet(), ARGUMENTS, sys.argv, "__file__" in globals())

    asyncio.run(work())
    sys.exit({code})
"""


def made(tmp_path: Path, code: str = "0") -> str:
    (tmp_path / "kernel.py").write_text(KERNEL.replace("{code}", code))
    return notebook_from_kernel(tmp_path / "kernel.py")


def run(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "kernel.ipynb").write_text(text)
    runner = Path(notebook_runner.__file__).read_text()
    command = [sys.executable, "-c", runner, "kernel.ipynb"]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)


def cells(*sources: str) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": source} for source in sources]})


def test_the_projects_kernel_is_a_valid_notebook_of_two_cells() -> None:
    notebook = read_notebook(notebook_from_kernel(PROJECT / "kernel.py"))
    assert notebook is not None
    assert notebook_faults(notebook) == []
    options, running = (cell_source(cell) for cell in notebook["cells"])
    assert options.startswith("ARGUMENTS: list[str] = []")
    assert "ARGUMENTS: " not in running
    assert running.endswith("run_kernel()")


def test_the_kernel_finds_its_options_and_has_an_event_loop_of_its_own(tmp_path: Path) -> None:
    done = run(tmp_path, with_arguments(made(tmp_path), ["--preset", 'it\'s "mine"']))
    options = ["--preset", 'it\'s "mine"']
    assert done.stdout == f"hello {options!r} {['kernel.py', *options]!r} False\n", done.stderr
    assert done.returncode == 0


def test_a_kernel_that_ends_with_an_error_fails_the_notebook(tmp_path: Path) -> None:
    assert run(tmp_path, made(tmp_path, code="3")).returncode == 3
    assert "ZeroDivisionError" in run(tmp_path, made(tmp_path, code="1 / 0")).stderr


def test_cells_share_one_namespace_and_may_await(tmp_path: Path) -> None:
    done = run(tmp_path, cells("x = 1", "import asyncio\nawait asyncio.sleep(0)\nx += 1", "print(__name__, x)"))
    assert done.stdout == "__main__ 2\n"


def test_the_runners_own_names_are_not_the_notebooks(tmp_path: Path) -> None:
    done = run(tmp_path, cells("print(sys.argv)"))
    assert "NameError" in done.stderr
    assert done.returncode == 1


def test_a_command_of_ipython_is_refused_in_a_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, cells("x = 1\n!pip list"))
    assert done.stderr == "error: cell 1 has !pip, which only IPython runs; write it in Python\n"


@pytest.mark.parametrize("text", ["print(1)\n", "ARGUMENTS: list[str] = []\n", "def f(:\n"])
def test_a_file_that_is_not_the_kernel_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(InputError, match=r"mine\.py: must "):
        notebook_from_kernel(tmp_path / "mine.py")
