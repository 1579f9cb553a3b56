"""Both command lines: bad input ends in one sentence, before any engine starts, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from aimo_solver.app import kernel as entry
from aimo_solver.app import runtime as workshop
from aimo_solver.app.options import run_options
from aimo_solver.cli import main as cli
from aimo_solver.engine.scripted import Reply, ScriptedEngine
from aimo_solver.errors import EngineLoadError, InputError, SandboxError
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import ProblemSet
from aimo_solver.runs.writer import RunFolder
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.solver.solution import Solution
from tests.helpers.fakes import InProcessSandbox

KERNEL = Path(__file__).parents[2] / "kernel.py"
COMMANDS = ("kernel", "replay")
PROBLEMS = ProblemSet("three", tuple(Problem(name, f"Problem {name}?") for name in "abc"))


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(settings: object) -> None:
        raise AssertionError("no test here may start the real engine")

    monkeypatch.setattr(workshop, "VllmEngine", refuse)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with a checkpoint that looks whole and a problem file."""
    checkpoint = tmp_path / "model"
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    (checkpoint / "tokenizer.json").write_text("{}")
    (checkpoint / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
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
    "unknown preset": (["set.jsonl", "--preset", "demos"], "preset must be one of aimo3-public, "),
    "bad preset key": (["set.jsonl", "--preset", "bad.toml"], "bad.toml: rollout.temprature: "),
    "unknown dialect": (["set.jsonl", "--preset", "dialect.toml"], "preset dialect.toml: dialect must be one of"),
    "unknown tie-break": (["set.jsonl", "--preset", "tie.toml"], "tie_break must be one of first_rollout, "),
    "unknown hardware": (["set.jsonl", "--hardware", "tpu"], "hardware must be one of cpu, cuda"),
    "unknown edition": (["set.jsonl", "--edition", "imo"], "contest must be one of any-integer, aimo1"),
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
def test_a_submission_that_cannot_be_written_is_told_before_the_run(
    place: Path, run: Callable[..., Ran], submission: str
) -> None:
    sentence = refusal(run("kernel", "set.jsonl", "--model", "model", "--submission", submission))
    assert sentence.startswith(f"{submission}: ")
    assert not (place / "runs").exists()


def test_a_fallback_outside_the_rule_is_refused(place: Path, run: Callable[..., Ran]) -> None:
    sentence = refusal(run("kernel", "set.jsonl", "--model", "model", "--fallback", "100000"))
    assert sentence == "fallback must be an answer that aimo3 accepts, got 100000\n"


def test_runs_folder_that_is_a_file_is_told(place: Path, run: Callable[..., Ran]) -> None:
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


# With a scripted engine in the real one's place


def answer_set(
    place: Path, limit_seconds: float = 500.0, *, preset: str = "demo", problems: ProblemSet = PROBLEMS
) -> entry.RunOutcome:
    options = run_options(
        model=place / "model", preset=preset, hardware="cpu", edition="aimo3", seed=0, limit_seconds=limit_seconds
    )
    console, submission = Console(quiet=True), place / "out.parquet"
    return run_virtual(entry.run_set(options, problems, place / "runs", console, submission=submission))


def use_engine(monkeypatch: pytest.MonkeyPatch, **script: object) -> None:
    def make(settings: object) -> ScriptedEngine:
        return ScriptedEngine(lambda text, sampling: Reply("It is $\\boxed{42}$."), **script)  # type: ignore[arg-type]

    monkeypatch.setattr(workshop, "VllmEngine", make)
    # The real sandbox ends its processes in a thread, which a virtual clock cannot wait for.
    monkeypatch.setattr(workshop, "ProcessSandbox", lambda memory_bytes: InProcessSandbox())


def test_a_run_leaves_a_submission_and_a_whole_run_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_engine(monkeypatch)
    outcome = answer_set(place)
    assert pl.read_parquet(place / "out.parquet").rows() == [("a", 42), ("b", 42), ("c", 42)]
    names = {"settings.toml", "trajectories.jsonl", "answers.csv", "log.txt", "summary.json"}
    assert {path.name for path in outcome.folder.iterdir()} >= names
    assert json.loads((outcome.folder / "summary.json").read_text())["problems"] == 3


@pytest.mark.parametrize("kept", [True, False])
def test_a_search_keeps_its_trees_where_it_is_told_to(
    place: Path, monkeypatch: pytest.MonkeyPatch, *, kept: bool
) -> None:
    use_engine(monkeypatch)
    search = f"[search]\nsimulations = 1\nwidth = 1\nkeep_trees = {str(kept).lower()}\n"
    preset = f'dialect = "numina"\n[policy]\nname = "fixed"\nrollouts = 2\n{search}'
    (place / "search.toml").write_text(preset)
    problems = ProblemSet("known", (Problem("a", "Problem a?", 42), Problem("b", "Problem b?")))
    trees = answer_set(place, preset=str(place / "search.toml"), problems=problems).folder / "trees.jsonl"
    assert trees.exists() is kept
    if kept:
        step = {"text": "It is $\\boxed{42}$.<|end|>", "visits": 1, "value": 1.0}
        row = {"problem": "Problem a?", "prefill": "", "prefix": "", "children": [step]}
        assert [json.loads(line) for line in trees.read_text().splitlines()] == [row, row]


def test_a_limit_shorter_than_loading_is_told_and_leaves_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_engine(monkeypatch, start_seconds=100.0)
    with pytest.raises(InputError, match="the limit of 20 s was over before the model had loaded; raise it"):
        answer_set(place, limit_seconds=20.0)
    assert list((place / "runs").iterdir()) == []
    assert not (place / "out.parquet").exists()


def test_a_checkpoint_the_engine_cannot_load_leaves_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_engine(monkeypatch, load_error=EngineLoadError("model has a layer too many; copy it again"))
    with pytest.raises(EngineLoadError, match="a layer too many"):
        answer_set(place)
    assert list((place / "runs").iterdir()) == []
    assert not (place / "out.parquet").exists()


def test_a_dialect_that_the_tokenizer_cannot_express_is_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_engine(monkeypatch)
    (place / "gpt-oss.toml").write_text('dialect = "harmony"\n')
    options = run_options(
        model=place / "model",
        preset=str(place / "gpt-oss.toml"),
        hardware="cpu",
        edition="aimo3",
        seed=0,
        limit_seconds=500.0,
    )
    run = entry.run_set(options, PROBLEMS, place / "runs", Console(quiet=True), submission=place / "out.parquet")
    with pytest.raises(InputError, match=r"dialect harmony needs a gpt-oss tokenizer: this one has no token"):
        run_virtual(run)
    assert not (place / "out.parquet").exists()


def test_an_interrupted_run_submits_the_fallback_for_the_rest(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_engine(monkeypatch)
    add = RunFolder.add

    def interrupt(folder: RunFolder, solution: Solution) -> None:
        add(folder, solution)
        if solution.problem.id == "b":
            raise asyncio.CancelledError

    monkeypatch.setattr(RunFolder, "add", interrupt)
    with pytest.raises(asyncio.CancelledError):
        answer_set(place)
    assert pl.read_parquet(place / "out.parquet").rows() == [("a", 42), ("b", 0), ("c", 0)]


def test_a_sandbox_that_does_not_start_does_not_stop_the_run(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_engine(monkeypatch)
    broken = InProcessSandbox(failure=SandboxError("no processes"))
    monkeypatch.setattr(workshop, "ProcessSandbox", lambda memory_bytes: broken)
    outcome = answer_set(place)
    assert len(pl.read_parquet(place / "out.parquet")) == 3
    assert "no code will run: no processes" in (outcome.folder / "log.txt").read_text()


ENDED_POLITELY = """
import asyncio, os, signal
from aimo_solver.app.kernel import run_or_exit

async def work():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0)
        print("engine stopped", flush=True)

run_or_exit(lambda: asyncio.run(work()))
"""


@pytest.mark.parametrize("ignored", ["", "signal.signal(signal.SIGINT, signal.SIG_IGN)"])
def test_sigterm_left_the_engines_processes_running(ignored: str) -> None:
    """A run begun in the background ignores Ctrl-C, and SIGTERM must end it politely all the same."""
    program = ENDED_POLITELY.replace("\nasync", f"\n{ignored}\n\nasync", 1)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stdout == "engine stopped\n"
    assert (ended.returncode, ended.stderr) == (130, "interrupted; what was finished is in the run folder\n")
