"""The command as a whole: help that groups and shows examples, errors in one place, versions and typing mistakes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aimo_solver import __version__
from aimo_solver.cli.main import COMMANDS, app
from aimo_solver.utils.paths import PROJECT
from tests.helpers.commands import all_commands

NAMES = [name for name, _ in all_commands()]


def ask(*arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "120", "TERMINAL_WIDTH": "120"})
    return ran.exit_code, ran.output


def test_help_is_grouped_with_solve_and_replay_first() -> None:
    code, text = ask("--help")
    panels = [text.index(panel) for panel in COMMANDS]
    assert code == 0 and panels == sorted(panels)
    assert text.index("solve") < text.index("replay") < text.index("report")


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself_with_an_example_and_no_path_of_this_machine(name: str) -> None:
    code, text = ask(*name.split(), "-h")
    assert code == 0
    assert re.search(rf"Example: aimo {name}\b", text) is not None
    assert str(PROJECT) not in text and str(Path.home()) not in text.replace("~", "")


def test_every_option_has_a_description() -> None:
    missing = [
        f"{name} {parameter.name}"
        for name, command in all_commands()
        for parameter in command.params
        if not getattr(parameter, "help", None) and parameter.name != "help"
    ]
    assert missing == []


def test_the_version_is_printed() -> None:
    assert ask("--version") == (0, f"aimo-solver {__version__}\n")


def test_a_command_that_is_misspelt_is_suggested() -> None:
    code, text = ask("repaly")
    assert code == 2 and "Did you mean 'replay'?" in text


@pytest.mark.parametrize("arguments", [("--debug", "sets", "show", "nope"), ("sets", "show", "nope", "--debug")])
def test_debug_shows_the_traceback_wherever_it_stands(arguments: tuple[str, ...]) -> None:
    code, text = ask(*arguments)
    assert code == 1 and "Traceback" in text and "error: set must be one of" in text
    assert "Traceback" not in ask("sets", "show", "nope")[1]


def test_a_light_command_loads_no_engine() -> None:
    program = (
        "import sys; from typer.testing import CliRunner; from aimo_solver.cli.main import app\n"
        "assert CliRunner().invoke(app, ['sets', 'list']).exit_code == 0\n"
        "heavy = {'torch', 'vllm', 'transformers', 'numpy', 'matplotlib'} & set(sys.modules)\n"
        "ours = [name for name in sys.modules if name.startswith('aimo_solver.')]\n"
        "assert not heavy, heavy\n"
        "assert len(ours) <= 37, len(ours)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=PROJECT)
