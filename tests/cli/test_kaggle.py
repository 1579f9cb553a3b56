"""The commands around a submission, from their command lines: what they say, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aimo_solver.cli import main as cli
from tests.kaggle.test_push import GOOD_METADATA


def aimo(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli.app, list(arguments))
    assert "Traceback" not in result.stdout + result.stderr
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    "command",
    [["doctor"], ["rehearse"], ["push"], ["package", "wheels"], ["package", "model"], ["package", "single-file"]],
    ids=" ".join,
)
def test_help_shows_an_example(command: list[str]) -> None:
    code, printed, _ = aimo(*command, "--help")
    assert code == 0
    assert "Example: aimo " + command[0] in printed


def test_the_doctor_tells_a_line_a_check(tmp_path: Path) -> None:
    code, printed, _ = aimo("doctor", "--inputs", str(tmp_path), "--json")
    assert code == 0
    assert {finding["name"] for finding in json.loads(printed)} >= {"python", "engine", "checkpoint", "memory", "sandbox"}


def test_the_doctor_fails_where_the_engine_will_not_start(tmp_path: Path) -> None:
    code, printed, _ = aimo("doctor", "--model", str(tmp_path / "none"))
    assert code == 1
    assert "there is no folder" in printed


def test_a_dry_run_sends_nothing(tmp_path: Path) -> None:
    (tmp_path / "kernel-metadata.json").write_text(json.dumps(GOOD_METADATA))
    (tmp_path / "kernel.py").touch()
    code, printed, _ = aimo("push", str(tmp_path), "--dry-run")
    assert code == 0
    assert "me/my-solver" in printed
    assert printed.endswith("nothing was sent\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["push", "none"], "kernel-metadata.json: does not exist"),
        (["package", "wheels", "/dev/null/x", "--id", "me/aimo-wheels"], "/dev/null/x: cannot be created"),
        (["package", "wheels", "out", "--id", "aimo"], "id must be user/slug"),
        (
            ["package", "wheels", "out", "--id", "me/aimo-wheels", "--requirements", "none.txt"],
            "none.txt: no such file",
        ),
        (["package", "wheels", "out", "--id", "me/aimo-wheels", "--with", "b=="], "--with must be a requirement"),
        (["rehearse", "--wheels", "nowhere"], "nowhere: has no aimo-wheels.lock"),
        (["package", "single-file", "/dev/null/x/kernel.py"], "/dev/null/x: cannot be created"),
        (["package", "model", "none", "--id", "a/b/c/d"], "there is no folder none"),
        (["rehearse", "--contest", "4"], "contest must be one of aimo1, aimo2, aimo3, got '4'"),
        (["rehearse", "--kernel", "none.py"], "none.py: no such file"),
        (["rehearse", "--model", "none"], "there is no folder none"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, error = aimo(*arguments)
    assert code == 1
    assert error.startswith("error: ")
    assert sentence in printed
    assert error.count("\n") == 1
