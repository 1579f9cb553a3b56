"""Code files: refused at home where Kaggle would fail hours later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aimo_solver.kaggle.code_file import code_faults

MAX_BYTES = 10_000
CELL: dict[str, Any] = {"cell_type": "code", "source": ["print(1)\n", "await x"], "metadata": {}, "outputs": []}
NOTEBOOK: dict[str, Any] = {
    "cells": [CELL, {"cell_type": "markdown", "source": "not ( Python"}, {"cell_type": "code", "source": "!pip list"}],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def faults(folder: Path, text: str, *, name: str, kernel_type: str, language: str = "python") -> list[str]:
    (folder / name).write_text(text, encoding="utf-8")
    values = {"code_file": name, "kernel_type": kernel_type, "language": language}
    return code_faults(values, folder, max_bytes=MAX_BYTES)


def test_a_script_and_a_notebook_are_taken(tmp_path: Path) -> None:
    assert faults(tmp_path, "print('π')\n", name="kernel.py", kernel_type="script") == []
    assert faults(tmp_path, json.dumps(NOTEBOOK), name="kernel.ipynb", kernel_type="notebook") == []


@pytest.mark.parametrize(
    ("text", "name", "kernel_type", "fault"),
    [
        ("def f(:\n", "kernel.py", "script", "code_file kernel.py is not valid Python 3"),
        ("x = 1\nreturn x\n", "kernel.py", "script", "code_file kernel.py is not valid Python 3"),
        ("x = '\0'\n", "kernel.py", "script", "code_file kernel.py is not valid Python 3"),
        (json.dumps(NOTEBOOK), "kernel.ipynb", "script", "code_file must be a script if kernel_type is script, got"),
        (json.dumps(NOTEBOOK), "kernel.py", "script", "code_file must be a script if kernel_type is script, got"),
        ("print(1)\n", "kernel.py", "notebook", "code_file must be a notebook if kernel_type is notebook, got"),
        ("[1]", "kernel.ipynb", "notebook", "code_file must be a notebook if kernel_type is notebook, got"),
        ("#" * (MAX_BYTES + 1), "kernel.py", "script", "code_file must be at most 10,000 bytes, got 10,001"),
    ],
)
def test_each_fault_is_one_sentence(tmp_path: Path, text: str, name: str, kernel_type: str, fault: str) -> None:
    (sentence,) = faults(tmp_path, text, name=name, kernel_type=kernel_type)
    assert sentence.startswith(fault)


NOTEBOOK_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"metadata": {}}, "metadata.kernelspec must name the kernel that runs the notebook"),
    ({"metadata": {"kernelspec": {"display_name": "Python 3"}}}, "metadata.kernelspec must name the kernel"),
    ({"metadata": {"kernelspec": {"name": "ir", "language": "R"}}}, "metadata.kernelspec must be of Python"),
    ({"nbformat": 3}, "nbformat must be 4, got 3"),
    ({"cells": []}, "cells must hold code to run, got none"),
    ({"cells": {}}, "cells must be a list, got dict"),
    ({"cells": [{"source": "1"}]}, "cell 1 must have cell_type and source"),
    ({"cells": [CELL, CELL | {"source": "def f(:"}]}, "cell 2 is not valid Python"),
]


@pytest.mark.parametrize(("changes", "fault"), NOTEBOOK_FAULTS)
def test_a_notebook_that_kaggle_could_not_run_is_refused(tmp_path: Path, changes: dict[str, Any], fault: str) -> None:
    text = json.dumps(NOTEBOOK | changes)
    (sentence,) = faults(tmp_path, text, name="kernel.ipynb", kernel_type="notebook")
    assert sentence.startswith(f"code_file kernel.ipynb: {fault}")


def test_a_broken_link_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "kernel.py").symlink_to(tmp_path / "gone.py")
    values = {"code_file": "kernel.py", "kernel_type": "script", "language": "python"}
    (sentence,) = code_faults(values, tmp_path, max_bytes=MAX_BYTES)
    assert f"is a broken link to {tmp_path / 'gone.py'}" in sentence


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kernel.py").write_bytes("# é\n".encode("latin-1"))
    values = {"code_file": "kernel.py", "kernel_type": "script", "language": "python"}
    (sentence,) = code_faults(values, tmp_path, max_bytes=MAX_BYTES)
    assert "must be UTF-8 text" in sentence
