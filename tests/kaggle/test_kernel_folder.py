"""Folders of a kernel: `aimo push` takes them as they stand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aimo_solver.errors import InputError
from aimo_solver.kaggle.kernel_folder import KernelFolder, KernelSettings, write_notebook, write_single_file
from aimo_solver.kaggle.kernel_metadata import read_kernel_metadata
from aimo_solver.utils.paths import PROJECT

KERNEL = PROJECT / "kernel.py"
SETTINGS = KernelSettings(id="me/my-solver", datasets=("me/aimo-wheels",), model="me/m/transformers/fp8/1")
Write = Callable[[Path, Path, KernelSettings], KernelFolder]


@pytest.mark.parametrize(
    ("write", "name", "kernel_type"),
    [(write_single_file, "kernel.py", "script"), (write_notebook, "kernel.ipynb", "notebook")],
)
def test_a_folder_can_be_pushed_as_it_stands(tmp_path: Path, write: Write, name: str, kernel_type: str) -> None:
    written = write(KERNEL, tmp_path / "out", SETTINGS)
    assert written == KernelFolder(path=tmp_path / "out", code_file=tmp_path / "out" / name, faults=())
    metadata = read_kernel_metadata(tmp_path / "out")
    assert (metadata.code_file.name, metadata.values["kernel_type"]) == (name, kernel_type)
    assert metadata.sources["model_sources"] == ["me/m/transformers/fp8/1"]


def test_what_is_already_in_the_folder_is_kept(tmp_path: Path) -> None:
    write_notebook(KERNEL, tmp_path, SETTINGS)
    path = tmp_path / "kernel-metadata.json"
    own = json.loads(path.read_text()) | {"title": "My Solver", "machine_shape": "NvidiaL4"}
    path.write_text(json.dumps(own))
    written = write_notebook(KERNEL, tmp_path, KernelSettings(id="me/my-solver", model="me/m/transformers/fp8/2"))
    assert written.faults == ()
    assert json.loads(path.read_text()) == own | {"model_sources": ["me/m/transformers/fp8/2"]}


def test_placeholders_are_left_to_be_filled_in(tmp_path: Path) -> None:
    written = write_notebook(KERNEL, tmp_path / "out", KernelSettings())
    assert [fault.split()[0] for fault in written.faults] == ["id", "dataset_sources", "model_sources"]


def test_the_file_in_the_folder_may_be_named(tmp_path: Path) -> None:
    written = write_single_file(KERNEL, tmp_path / "out/my_kernel.py", SETTINGS)
    assert (written.code_file.name, written.faults) == ("my_kernel.py", ())


def test_the_kernel_itself_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is the folder of the kernel itself"):
        write_single_file(KERNEL, PROJECT, SETTINGS)
