"""Packages for Kaggle: complete or refused, and the single file runs alone."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from aimo_solver.errors import InputError
from aimo_solver.kaggle.kernel_metadata import MAX_SOURCE_BYTES
from aimo_solver.kaggle.package import package_single_file, package_wheels
from aimo_solver.kaggle.wheel_target import WheelTarget
from quantize.writers import WRITERS
from tests.helpers.wheel import make_wheel

ROOT = Path(__file__).parents[2]


def package(out: Path, dataset_id: str = "me/aimo-wheels", project: Path | None = None) -> Path:
    return package_wheels(out, dataset_id=dataset_id, requirements=[], target=WheelTarget(), project=project)


def test_a_dataset_of_wheels_has_metadata_and_a_lock(tmp_path: Path) -> None:
    make_wheel(tmp_path, "first")
    lock = package(tmp_path)
    assert lock.read_text().startswith("first==1.0 --hash=sha256:")
    metadata = json.loads((tmp_path / "dataset-metadata.json").read_text())
    assert metadata == {"title": "aimo wheels", "id": "me/aimo-wheels", "licenses": [{"name": "other"}]}


def test_the_projects_own_wheel_is_built(tmp_path: Path) -> None:
    package(tmp_path, project=ROOT)
    (built,) = tmp_path.glob("aimo_solver-*.whl")
    assert built.stat().st_size > 100_000
    names = set(zipfile.ZipFile(built).namelist())
    for writer in WRITERS.values():
        assert {f"quantize/workers/{writer.script.name}", f"quantize/requirements/{writer.requirements.name}"} <= names


def test_wheels_for_another_machine_are_not_packaged(tmp_path: Path) -> None:
    make_wheel(tmp_path, "other", tag="cp311-cp311-manylinux_2_28_x86_64")
    with pytest.raises(InputError, match=r"other-1\.0-.* is built for cp311"):
        package(tmp_path)
    assert not (tmp_path / "dataset-metadata.json").exists()


def test_a_wheel_that_was_cut_off_is_named(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "first")
    wheel.write_bytes(wheel.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"first-1\.0-py3-none-any\.whl is cut off or damaged"):
        package(tmp_path)


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    make_wheel(tmp_path, "first")
    (tmp_path / "second-1.0-py3-none-any.whl").symlink_to(tmp_path / "gone.whl")
    with pytest.raises(InputError, match=r"second-1\.0-py3-none-any\.whl is a broken link to .*gone\.whl"):
        package(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no wheels; name a requirements file"):
        package(tmp_path)


@pytest.mark.parametrize("id", ["aimo-wheels", "me/abc", "me/Upper Case", "me/" + "a" * 51])
def test_an_id_that_kaggle_would_refuse_is_refused_first(tmp_path: Path, id: str) -> None:
    with pytest.raises(InputError, match="id must be user/slug"):
        package(tmp_path, id)


def test_the_single_file_runs_alone(tmp_path: Path) -> None:
    size_bytes = package_single_file(ROOT / "kernel.py", tmp_path / "kernel.py")
    assert size_bytes < MAX_SOURCE_BYTES
    code = "import aimo_solver, tomli_w; print(aimo_solver.__file__)"
    probe = (tmp_path / "kernel.py").read_text().replace("from aimo_solver.app.kernel import main", code)
    (tmp_path / "probe.py").write_text(probe.replace("main(STARTED_AT", "print(STARTED_AT"))
    done = subprocess.run([sys.executable, "probe.py"], check=True, cwd=tmp_path, capture_output=True, text=True)
    assert "aimo-package-" in done.stdout.splitlines()[0]


def test_a_kernel_without_the_package_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("print(1)\n")
    with pytest.raises(InputError, match=r"mine\.py: must contain the line PACKAGE"):
        package_single_file(tmp_path / "mine.py", tmp_path / "out.py")
