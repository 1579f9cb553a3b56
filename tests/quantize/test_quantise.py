"""Quantising: what is calibrated on, what is refused, and that a failure leaves nothing.

The writers need environments of their own and are not run here; a stub script takes their place.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from aimo_solver.cli import main as cli
from aimo_solver.dialects.numina import NUMINA
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.trajectory import StopReason, Turn
from aimo_solver.runs.reader import LoggedRun
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.solver.solution import Solution
from quantize.calibration import MIN_ROWS, CalibrationRow, choose_plain_rows, choose_rows, describe_rows, row_ids
from quantize.checkpoint import read_checkpoint
from quantize.quantise import Calibration, quantise
from quantize.schemes import SCHEMES, find_scheme
from quantize.writers import Writer, writer_python
from tests.helpers.checkpoints import write_checkpoint
from tests.helpers.examples import solution, trajectory
from tests.helpers.fakes import TOKENIZER


def run_of(*families: str, answers: tuple[int | None, ...] = (42, 42, 7)) -> LoggedRun:
    """One problem per family with one rollout per answer, each longer than the one before."""
    solutions: list[Solution] = []
    for number, family in enumerate(families):
        id = f"p{number}"
        tries = [trajectory(a, n, tokens=10 * (n + 1), problem_id=id) for n, a in enumerate(answers)]
        problem = Problem(id, f"Problem  {number} ?", 42, source=f"book ({family})")
        solutions.append(replace(solution(tries, problem_id=id), problem=problem))
    problems = tuple(solved.problem for solved in solutions)
    return LoggedRun(path=Path("run"), settings={}, problems=problems, trajectories=(), solutions=tuple(solutions))


def test_only_right_rollouts_that_ended_by_themselves_calibrate() -> None:
    run = run_of(*["a"] * 20)
    flushed = trajectory(42, 9, stop_reason=StopReason.FLUSHED, problem_id="p0")
    first = replace(run.solutions[0], trajectories=(*run.solutions[0].trajectories, flushed))
    rows = choose_rows([replace(run, solutions=(first, *run.solutions[1:]))], 100, seed=0)
    assert len(rows) == 40 and {row.trajectory and row.trajectory.answer for row in rows} == {42}
    assert all(row.trajectory and row.trajectory.stop_reason is StopReason.ANSWERED for row in rows)


def test_judging_problems_never_calibrate_whatever_their_white_space() -> None:
    run = run_of(*["a"] * 20)
    rows = choose_rows([run], 100, seed=0, judged=["problem 3 ?", "PROBLEM 4 ?\n"])
    assert {"p3", "p4"}.isdisjoint({row.problem.id for row in rows}) and len(rows) == 36


def test_problems_that_every_rollout_solves_come_last() -> None:
    easy, hard = run_of(*["a"] * 10, answers=(42, 42)), run_of(*["b"] * 10, answers=(42, 7, 42))
    hard = replace(
        hard, solutions=tuple(replace(s, problem=replace(s.problem, id=f"h{n}")) for n, s in enumerate(hard.solutions))
    )
    rows = choose_rows([easy, hard], 20, seed=0)
    assert {row.problem.id[0] for row in rows} == {"h"}
    assert len(choose_rows([easy, hard], 40, seed=0)) == 40


def test_a_rare_family_is_drawn_as_often_as_a_common_one() -> None:
    rows = choose_rows([run_of(*["common"] * 60, *["rare"] * 20)], 40, seed=0)
    rare = sum(row.problem.family == "rare" for row in rows)
    assert 12 <= rare <= 28


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(0, 5))
def test_rows_are_chosen_by_seed_and_without_repeats(count: int, seed: int) -> None:
    runs = [run_of(*"abcab" * 4)]
    rows = choose_rows(runs, count, seed=seed)
    assert rows == choose_rows(runs, count, seed=seed)
    keys = [(row.problem.id, row.trajectory and row.trajectory.rollout) for row in rows]
    assert len(set(keys)) == len(keys) == min(count, 40)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match=rf"at least {MIN_ROWS} right rollouts .*, got 0; replay a larger set"):
        choose_rows([], 100, seed=0)


def test_a_base_model_is_calibrated_on_wrong_rollouts_too() -> None:
    run = run_of(*["a"] * 20, answers=(7, None))
    with pytest.raises(InputError, match="got 0; replay a larger set, or calibrate a base model with --plain-text"):
        choose_rows([run], 100, seed=0)
    rows = choose_plain_rows([run], 100, seed=0, judged=["problem 3 ?"])
    assert len(rows) == 38 and describe_rows(rows) == "38 rollouts, 0 of them right"


def test_a_base_model_without_rollouts_is_calibrated_on_the_problems_texts() -> None:
    run = run_of(*["a"] * 20, answers=())
    rows = choose_plain_rows([run], 100, seed=0, judged=["problem 3 ?"])
    assert {row.problem.id for row in rows} == {f"p{n}" for n in range(20)} - {"p3"}
    assert describe_rows(rows) == "19 problem texts"
    assert TOKENIZER.decode(row_ids(rows[0], NUMINA, TOKENIZER)) == rows[0].problem.text
    with pytest.raises(InputError, match="at least 16 rollouts or problems outside the --judged-by sets, got 3"):
        choose_plain_rows([run_of(*"abc", answers=())], 100, seed=0)


def test_a_row_is_the_whole_rollout_with_its_outputs() -> None:
    call = Turn(
        "```python\nprint(42)\n```\n```output\n", 9, 1.0, code="print(42)", output="42\n", status=ExecutionStatus.OK
    )
    row = CalibrationRow(Problem("p", "6 x 7?", 42), trajectory(42, turns=(call, Turn("So $\\boxed{42}$.", 5, 1.0))))
    text = TOKENIZER.decode(row_ids(row, NUMINA, TOKENIZER))
    assert "6 x 7?" in text and text.endswith("```output\n42\n```\nSo $\\boxed{42}$.")


# The writer, with a stub script in its place

WORKER = """
import json, shutil, sys
from pathlib import Path
request = json.loads(Path(sys.argv[1]).read_text())
{before}
shutil.copy(Path(request["model"]) / "model.safetensors", request["out"])
Path(request["out"], "seen.json").write_text(json.dumps(request))
"""


@pytest.fixture
def rows() -> list[CalibrationRow]:
    return [CalibrationRow(Problem("p", "6 x 7?", 42), trajectory(42))]


def stub_writer(place: Path, before: str = "") -> None:
    (place / "worker.py").write_text(WORKER.format(before=before))


def make(place: Path, rows: list[CalibrationRow], scheme: str = "w4a16", python: Path = Path(sys.executable)) -> None:
    model = place / "model"
    if not model.exists():
        write_checkpoint(model, 1)
    writer = Writer(name="stub", script=place / "worker.py", requirements=place / "requirements.txt")
    calibration = Calibration(rows=rows, dialect=NUMINA, tokenizer=TOKENIZER)
    quantise(
        read_checkpoint(model),
        find_scheme(scheme),
        place / "out",
        writer=writer,
        python=python,
        calibration=calibration,
    )


def test_the_folder_is_complete_and_names_its_rows(tmp_path: Path, rows: list[CalibrationRow]) -> None:
    stub_writer(tmp_path)
    make(tmp_path, rows)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja", "calibration.json"} <= names
    assert not names & {"request.json", "calibration-rows.jsonl"}
    record = json.loads((tmp_path / "out/calibration.json").read_text())
    assert (record["scheme"], record["rows"]) == ("w4a16", [{"problem": "p", "seed": 7}])
    seen = json.loads((tmp_path / "out/seen.json").read_text())
    assert (seen["bits"], seen["gptq"]) == (4, {"group_size": 128, "act_order": False, "damping": 0.01})


def test_a_failed_writer_leaves_nothing_and_its_last_line_is_reported(
    tmp_path: Path, rows: list[CalibrationRow]
) -> None:
    stub_writer(tmp_path, "raise SystemExit('group size 128 does not divide 96')")
    with pytest.raises(InputError, match=r"could not make w4a16 of .*: group size 128 does not divide 96"):
        make(tmp_path, rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "worker.py"]


def test_every_path_may_be_relative(
    tmp_path: Path, rows: list[CalibrationRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_writer(tmp_path)
    (tmp_path / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    make(Path(), rows, python=Path("python"))
    seen = json.loads((tmp_path / "out/seen.json").read_text())
    assert all(Path(seen[name]).is_absolute() for name in ("model", "out", "calibration"))


def test_a_writers_environment_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(name="stub", script=tmp_path / "worker.py", requirements=tmp_path / "requirements.txt")
    writer.requirements.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIMO_CACHE", "cache")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "index").mkdir()
    lines = list[str]()
    python = writer_python(writer, lines.append, "index")
    assert python.is_relative_to(tmp_path / "cache/environments") and python.exists()
    assert len(lines) == 1 and writer_python(writer, lines.append, "index") == python and len(lines) == 1


def test_a_calibrated_scheme_needs_rows_and_fp8_dynamic_does_not(tmp_path: Path) -> None:
    stub_writer(tmp_path)
    with pytest.raises(InputError, match=r"fp8 is calibrated on rollouts; name run folders with --calibrate-on"):
        make(tmp_path, [], "fp8")
    make(tmp_path, [], "fp8-dynamic")
    assert (tmp_path / "out").is_dir()


def aimo(*arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(cli.app, ["quantize", *arguments])
    return ran.exit_code, ran.output


def test_bad_input_is_refused_before_anything_is_set_up(tmp_path: Path) -> None:
    model = str(write_checkpoint(tmp_path / "model", 1))
    quantised = str(
        write_checkpoint(
            tmp_path / "quantised", 1, config={"vocab_size": 4, "quantization_config": {"quant_method": "gptq"}}
        )
    )
    out = str(tmp_path / "out")
    for arguments, sentence in (
        (("int3", "--model", model, "--out", out), "scheme must be one of w4a16"),
        (("w4a16", "--model", model, "--out", model), "already exists; name another folder"),
        (("w4a16", "--model", quantised, "--out", out), "is quantised already"),
        (("w4a16", "--model", model, "--out", out, "--group-size", "8"), "got 0; replay a larger set"),
        (("w8a16", "--model", model, "--out", out, "--card", "cpu"), "w8a16 has no kernel for a CPU"),
        (("fp8-kv", "--model", model, "--out", out, "--card", "t4x2"), "fp8-kv needs compute capability 8.9, t4x2 has"),
        (("w4a16", "--model", model, "--out", out, "--card", "h200"), "card must be one of t4x2"),
        (("gptq-4bit", "--model", model, "--out", out, "--backend", "auto-gptq"), "quantises on a CUDA card only"),
        (("w4a16", "--model", model, "--out", out, "--backend", "auto-gptq"), "backend of w4a16 must be one of llm-"),
        (("w4a16", "--model", model, "--out", out, "--backend", "awq"), "backend must be one of llm-compressor"),
        (("w4a16", "--model", model, "--out", out, "--group-size", "3"), "group_size must divide the model's hidden_"),
        (("w4a16", "--model", model, "--out", out, "--group-size", "0"), "group_size must be at least 1"),
        (("w4a16", "--model", model, "--out", out, "--damping", "1.5"), "damping must be between 0 and 1, got 1.5"),
        (("w4a16", "--model", out, "--out", out), "there is no folder"),
    ):
        code, output = aimo("run", *arguments)
        assert code == 1 and sentence in output
    assert not (tmp_path / "out").exists()


def test_every_scheme_says_where_it_runs() -> None:
    assert {name for name, scheme in SCHEMES.items() if not scheme.loads_on_cpu} == {
        "w8a16",
        "gptq-8bit",
        "fp8",
        "fp8-kv",
    }
    assert all((7, 5) <= scheme.min_capability <= (9, 0) for scheme in SCHEMES.values())


def test_help_has_an_example() -> None:
    assert "Example: aimo quantize run" in aimo("run", "--help")[1]
