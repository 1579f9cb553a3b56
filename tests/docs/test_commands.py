"""What README.md and docs/ ask their readers to type: it is spelt right, and it runs and prints what the page says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aimo_solver.utils.paths import PROJECT
from tests.helpers.commands import all_commands
from tests.helpers.pages import PAGES, aimo_commands, page_name, run_as_they_stand

FOLDERS = ("aimo_solver", "quantize", "demo_model", "validation_sets")
FILES = ("kernel.py", "kernel-metadata.json", "pyproject.toml")
HANG_SECONDS = 900


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_command_on_a_page_exists_with_its_options(page: Path) -> None:
    known = dict(all_commands())
    for words in aimo_commands(page):
        name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in known), None)
        if name is None:
            groups = {command.split()[0] for command in known}
            assert words[0] in groups and len(words) == 1, f"there is no command aimo {' '.join(words)}"
            continue
        options = {
            option for parameter in known[name].params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        used = {word.split("=")[0] for word in words if word.startswith("--")}
        assert used <= options | {"--help", "--debug"}, f"aimo {name} has no {', '.join(used - options)}"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, as a reader has it."""
    place = tmp_path_factory.mktemp("checkout")
    for name in FOLDERS:
        shutil.copytree(PROJECT / name, place / name, ignore=shutil.ignore_patterns("__pycache__", "work"))
    for name in FILES:
        shutil.copy(PROJECT / name, place / name)
    return place


@pytest.mark.pages
@pytest.mark.parametrize("page", [page for page in PAGES if run_as_they_stand(page)], ids=page_name)
def test_the_commands_of_a_page_run_and_print_what_it_says(page: Path, checkout: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {"PATH": path, "PYTHONPATH": str(checkout), "AIMO_CACHE": str(tmp_path), "COLUMNS": "120"}
    shutil.rmtree(checkout / "runs", ignore_errors=True)
    for command in run_as_they_stand(page):
        ran = subprocess.run(
            ["bash", "-c", command.line],
            cwd=checkout,
            env=os.environ | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        assert ran.returncode == 0, f"{command.line}\n{ran.stdout}"
        assert command.promise is None or command.promise in ran.stdout, f"{command.line}\n{ran.stdout}"
