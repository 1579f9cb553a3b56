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
    [
        ["doctor"],
        ["rehearse"],
        ["push"],
        ["package", "wheels"],
        ["package", "model"],
        ["package", "single-file"],
        ["package", "notebook"],
    ],
    ids=" ".join,
)
def test_help_shows_an_example(command: list[str]) -> None:
    code, printed, _ = aimo(*command, "--help")
    assert code == 0
    assert "Example: aimo " + command[0] in printed


def test_the_doctor_tells_a_line_a_check(tmp_path: Path) -> None:
    code, printed, _ = aimo("doctor", "--inputs", str(tmp_path), "--json")
    assert code == 0
    assert {finding["name"] for finding in json.loads(printed)} >= {
        "python",
        "engine",
        "checkpoint",
        "memory",
        "sandbox",
    }


def test_the_doctor_fails_where_the_engine_will_not_start(tmp_path: Path) -> None:
    code, printed, _ = aimo("doctor", "--model", str(tmp_path / "none"))
    assert code == 1
    assert "there is no folder" in printed


def test_a_dry_run_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "a-token")
    (tmp_path / "kernel-metadata.json").write_text(json.dumps(GOOD_METADATA))
    (tmp_path / "kernel.py").touch()
    code, printed, _ = aimo("push", str(tmp_path), "--dry-run")
    assert code == 0
    assert "me/my-solver" in printed
    assert printed.endswith("nothing was sent\n")


def test_a_dry_run_without_credentials_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kernel-metadata.json").write_text(json.dumps(GOOD_METADATA))
    (tmp_path / "kernel.py").touch()
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    code, _, error = aimo("push", str(tmp_path), "--dry-run")
    assert code == 1
    assert error.startswith("error: there are no Kaggle credentials: run `kaggle auth login`")


def test_a_single_file_is_a_folder_that_can_be_pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "a-token")
    own = "--id me/my-solver --dataset me/aimo-wheels --model me/m/transformers/fp8/1 --contest aimo2".split()
    code, printed, _ = aimo("package", "single-file", str(tmp_path / "out"), *own, "--accelerator", "NvidiaL4")
    assert code == 0
    assert f"send it with: aimo push {tmp_path / 'out'}" in printed
    code, printed, _ = aimo("push", str(tmp_path / "out"), "--dry-run")
    assert code == 0
    assert "ai-mathematical-olympiad-progress-prize-2" in printed


def test_a_notebook_says_what_is_left_to_fill_in(tmp_path: Path) -> None:
    code, printed, _ = aimo("package", "notebook", str(tmp_path / "out"), "--id", "me/my-solver")
    assert code == 0
    assert "before you push it: model_sources must name yours instead of the placeholder" in printed
    code, _, error = aimo("push", str(tmp_path / "out"), "--dry-run")
    assert code == 1
    assert "model_sources must name yours instead of the placeholder" in error


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
        (["rehearse", "--contest", "4"], "contest must be one of aimo1, aimo2, aimo3, or a .toml file, got '4'"),
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
    assert sentence in error
    assert error.count("\n") == 1
