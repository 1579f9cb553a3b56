"""Both command lines: bad input ends in one sentence, before any engine starts, and leaves nothing behind."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aimo_solver.cli import main as cli
from aimo_solver.kaggle.gateways.inference_server import RERUN_VARIABLE
from tests.helpers.runtimes import whole_checkpoint

KERNEL = Path(__file__).parents[2] / "kernel.py"
COMMANDS = ("kernel", "replay")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with a checkpoint that looks whole and a problem file."""
    whole_checkpoint(tmp_path / "model")
    (tmp_path / "set.jsonl").write_text('{"id": "a", "problem": "1 + 1?"}\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Ran:
    """What a command left: its exit code and what it wrote."""

    def __init__(self, code: int, stdout: str, stderr: str) -> None:
        self.code, self.stdout, self.stderr = code, stdout, stderr


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def kernel(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["kernel.py", *arguments])
        monkeypatch.setattr(sys, "path", list(sys.path))
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(KERNEL), run_name="__main__")
        written = capsys.readouterr()
        return Ran(int(ended.value.code or 0), written.out, written.err)

    def run(command: str, *arguments: str) -> Ran:
        if command == "kernel":
            return kernel(*arguments)
        result = CliRunner().invoke(cli.app, [command, *arguments])
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


def refusal(ran: Ran) -> str:
    assert ran.code == 1
    assert ran.stderr.startswith("error: ")
    assert ran.stderr.count("\n") == 1
    assert "Traceback" not in ran.stdout + ran.stderr
    return ran.stderr.removeprefix("error: ")


BAD_INPUT = {
    "missing problem file": (["none.jsonl"], "none.jsonl: no such file"),
    "empty problem file": (["empty.jsonl"], "empty.jsonl: holds no problems"),
    "malformed line": (["malformed.jsonl"], "malformed.jsonl, line 2: not JSON"),
    "duplicate ids": (["duplicate.jsonl"], "duplicate.jsonl, line 2: id 'a' is used twice"),
    "unknown preset": (["set.jsonl", "--preset", "demos"], "preset must be one of aimo3-first, "),
    "bad preset key": (["set.jsonl", "--preset", "bad.toml"], "bad.toml: rollout.temprature: "),
    "unknown dialect": (["set.jsonl", "--preset", "dialect.toml"], "preset dialect.toml: dialect must be one of"),
    "unknown tie-break": (["set.jsonl", "--preset", "tie.toml"], "tie_break must be one of first_rollout, "),
    "unknown hardware": (["set.jsonl", "--hardware", "tpu"], "hardware must be one of cpu, cuda"),
    "unknown contest": (["set.jsonl", "--contest", "imo"], "contest must be one of any-integer, aimo1"),
    "missing model folder": (["set.jsonl", "--model", "none"], "there is no folder none"),
    "folder that is no model": (["set.jsonl", "--model", "."], "has no config.json"),
    "no time at all": (["set.jsonl", "--limit-seconds", "0"], "total_seconds must be positive and finite, got 0.0"),
    "negative limit": (["set.jsonl", "--limit-seconds", "-5"], "total_seconds must be positive and finite, got -5.0"),
    "limit that is no number": (
        ["set.jsonl", "--limit-seconds", "nan"],
        "total_seconds must be positive and finite, got nan",
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("bad", BAD_INPUT)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    place: Path, run: Callable[..., Ran], command: str, bad: str
) -> None:
    line = '{"id": "a", "problem": "1 + 1?"}\n'
    files = {
        "empty.jsonl": "",
        "malformed.jsonl": line + "{",
        "duplicate.jsonl": line + line,
        "bad.toml": "[rollout]\ntemprature = 1.0\n",
        "dialect.toml": 'dialect = "klingon"\n',
        "tie.toml": 'tie_break = "loudest"\n',
    }
    for name, text in files.items():
        (place / name).write_text(text)
    before = set(place.rglob("*"))
    arguments, sentence = BAD_INPUT[bad]
    model = [] if "--model" in arguments else ["--model", "model"]
    assert sentence in refusal(run(command, *arguments, *model))
    assert set(place.rglob("*")) == before


@pytest.mark.parametrize("submission", ["none/submission.parquet", "model"])
def test_a_submission_that_cannot_be_written_is_reported_before_the_run(
    place: Path, run: Callable[..., Ran], submission: str
) -> None:
    sentence = refusal(run("kernel", "set.jsonl", "--model", "model", "--submission", submission))
    assert sentence.startswith(f"{submission}: ")
    assert not (place / "runs").exists()


def test_a_fallback_outside_the_rule_is_refused(place: Path, run: Callable[..., Ran]) -> None:
    sentence = refusal(run("kernel", "set.jsonl", "--model", "model", "--fallback", "100000"))
    assert sentence == "fallback must be an answer that aimo3 accepts, got 100000\n"


def test_a_runs_folder_that_is_a_file_is_reported(place: Path, run: Callable[..., Ran]) -> None:
    (place / "runs").touch()
    assert "cannot be written" in refusal(run("kernel", "set.jsonl", "--model", "model"))
    assert not (place / "submission.parquet").exists()


def test_an_empty_statement_is_refused(place: Path, run: Callable[..., Ran]) -> None:
    for statement in ("  ", "caf\udce9"):
        assert "problem must be a statement" in refusal(run("solve", statement, "--model", "model"))


@pytest.mark.parametrize("command", ["kernel", "solve", "replay"])
def test_help_shows_an_example(run: Callable[..., Ran], command: str) -> None:
    ran = run(command, "--help")
    assert ran.code == 0
    assert "Example: " in ran.stdout


def attach_contest(place: Path) -> None:
    folder = place / "input/competitions/ai-mathematical-olympiad-progress-prize-3"
    folder.mkdir(parents=True)
    (folder / "test.csv").write_text("id,problem\na,1 + 1?\n")


@pytest.mark.parametrize(
    ("scored", "contest", "arguments", "sentence"),
    [
        (True, False, (), "input: no contest that is known is attached, but this is a scoring run; correct"),
        (True, True, (), "input: no checkpoint is attached; correct model_sources in kernel-metadata.json"),
        (False, True, (), "input: no checkpoint is attached; correct model_sources in kernel-metadata.json"),
        (True, True, ("set.jsonl",), "set.jsonl: a scoring run answers the contest's problems; take the file out"),
        (True, False, ("--model", "model"), "input: no contest that is known is attached"),
    ],
    ids=["no contest", "no checkpoint", "no checkpoint in a saved version", "a file", "only a model"],
)
def test_a_session_that_could_only_pretend_ends_at_once(
    place: Path,
    run: Callable[..., Ran],
    monkeypatch: pytest.MonkeyPatch,
    scored: bool,
    contest: bool,
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    (place / "input").mkdir()
    if contest:
        attach_contest(place)
    monkeypatch.setenv(RERUN_VARIABLE, "1" if scored else "")
    assert refusal(run("kernel", *arguments, "--inputs", "input")).startswith(sentence)
    assert not (place / "submission.parquet").exists()
    assert not (place / "runs").exists()
