"""Run folders read back: as they were written, after a kill, from another version."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.errors import InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.runs.reader import latest_runs, read_run, trajectory_of
from aimo_solver.runs.writer import RunFolder, trajectory_row
from aimo_solver.sandbox.base import ExecutionStatus
from tests.helpers.examples import rollouts, solution, trajectory

PROBLEM = Problem("p1", "What is 6 times 7?", 42, source="a source", level=3, set="a set")
CALL = Turn(
    "```python\nprint(42)\n```\n", 12, 1.5, code="print(42)", output="42\n", status=ExecutionStatus.OK, code_seconds=0.5
)
LAST = Turn("$\\boxed{42}$\u2028", 9, 0.5, flush=True, entropies=(0.5, 0.0))
text = st.text(max_size=20)
turns = st.builds(
    Turn,
    text=text,
    tokens=st.integers(0, 99),
    seconds=st.sampled_from([0.0, 0.25, 3.0]),
    code=st.none() | text,
    output=st.none() | text,
    status=st.none() | st.sampled_from(ExecutionStatus),
    code_seconds=st.sampled_from([0.0, 1.5]),
    flush=st.booleans(),
)
trajectories = st.builds(
    Trajectory,
    problem_id=text,
    run=st.integers(0, 3),
    rollout=st.integers(0, 9),
    seed=st.integers(0, 2**31),
    prompt_tokens=st.integers(1, 99),
    turns=st.lists(turns, max_size=3).map(tuple),
    answer=st.none() | st.integers(-(10**30), 10**30),
    stop_reason=st.sampled_from(StopReason),
    started_seconds=st.sampled_from([0.0, 12.5]),
    seconds=st.sampled_from([0.0, 12.5]),
)


@given(trajectories)
def test_a_rollout_comes_back_as_it_was(rollout: Trajectory) -> None:
    assert trajectory_of(json.loads(json.dumps(trajectory_row(rollout)))) == rollout


def write(path: Path, *, problems: tuple[Problem, ...] = (PROBLEM,)) -> Path:
    with RunFolder(path, {"seed": 3, "preset": {"tie_break": "first_rollout"}}, problems) as folder:
        folder.add(solution([trajectory(42, 0, turns=(CALL, LAST)), trajectory(7, 1), trajectory(None, 2)]))
    return path


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    run = read_run(write(tmp_path / "run"))
    (found,) = run.solutions
    assert (found.problem, found.answer, found.correct, found.vote.tally) == (PROBLEM, 42, True, ((42, 1.0), (7, 1.0)))
    assert [t.answer for t in found.trajectories] == [42, 7, None]
    assert (found.grant.seconds, found.seconds, run.settings["seed"], run.notes) == (350.0, 2.5, 3, ())


@pytest.mark.parametrize("name", ["trajectories.jsonl", "answers.csv", "problems.jsonl"])
def test_a_last_line_that_a_kill_cut_is_left_out(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "run", problems=(PROBLEM, Problem("p2", "2?")))
    file = path / name
    file.write_bytes(file.read_bytes()[:-7])
    run = read_run(path)
    assert len(run.trajectories) == (2 if name == "trajectories.jsonl" else 3)
    assert len(run.solutions) == (0 if name == "answers.csv" else 1)
    assert len(run.problems) == (1 if name == "problems.jsonl" else 2)


def test_a_folder_of_an_older_version_is_read_without_statements(tmp_path: Path) -> None:
    path = write(tmp_path / "run")
    (path / "problems.jsonl").unlink()
    rows = (path / "answers.csv").read_text().splitlines()
    (path / "answers.csv").write_text("".join(f"{','.join(row.split(',')[:12])}\n" for row in rows))
    run = read_run(path)
    assert run.solutions[0].problem == Problem("p1", "", 42)
    assert "the statements are not in the folder" in run.notes[0]


def test_of_a_rollout_of_an_older_version_its_end_says_whether_the_model_ended_it() -> None:
    for end in StopReason:
        row = trajectory_row(trajectory(42, stop_reason=end))
        del row["ended_itself"]
        assert trajectory_of(row).ended_itself is (end in (StopReason.ANSWERED, StopReason.NO_ANSWER))


def test_a_line_of_another_version_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "run")
    file = path / "trajectories.jsonl"
    file.write_text(file.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(InputError, match="line 1: version must be 1, got 2; update this program, or that run"):
        read_run(path)


def test_an_answer_without_rollouts_is_noted(tmp_path: Path) -> None:
    path = write(tmp_path / "run")
    (path / "trajectories.jsonl").write_text("")
    run = read_run(path)
    assert run.solutions[0].trajectories == ()
    assert "answers without rollouts: 1 of 1" in run.notes


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("trajectories.jsonl", '{"version": 1}\n', "line 1: has no 'problem_id'; is it a run folder of this program"),
        ("answers.csv", "run,id,answer\n0,p1,x\n", "line 2: is not an answer of this program"),
        ("settings.toml", "= 3", "not a TOML file"),
    ],
)
def test_a_faulty_file_is_refused_by_line(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    path = write(tmp_path / "run")
    (path / name).write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_run(path)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder; give a run folder"):
        read_run(tmp_path / "run")


def test_a_folder_of_runs_names_the_latest_in_it(tmp_path: Path) -> None:
    for begun, name in enumerate(("20260102-000000-demo", "20260101-000000-demo")):
        os.utime(write(tmp_path / "runs" / name) / "settings.toml", ns=(begun, begun))
    latest = tmp_path / "runs" / "20260101-000000-demo"
    assert latest_runs(tmp_path / "runs") == [latest]
    with pytest.raises(InputError) as caught:
        read_run(tmp_path / "runs")
    assert str(caught.value) == f"{tmp_path}/runs: is not a run folder; the latest in it is {latest}"


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "settings.toml").touch()
    assert latest_runs(tmp_path) == []
    with pytest.raises(InputError, match="is not a run folder; give a run folder, such as runs/2026"):
        read_run(tmp_path)


def test_resuming_drops_what_a_kill_cut_short(tmp_path: Path) -> None:
    path = write(tmp_path / "run")
    with RunFolder.resume(path, read_run(path)) as folder:
        ends = (StopReason.ANSWERED, StopReason.CANCELLED, StopReason.ENGINE_FAILED)
        for at, end in enumerate(ends):
            answer = 5 if end is StopReason.ANSWERED else None
            folder.record(trajectory(answer, at, stop_reason=end, problem_id="p2"))
    run = read_run(path).to_resume()
    assert [t.key for t in run.trajectories if t.problem_id == "p2"] == [(0, "p2", 0)]
    assert len([t for t in run.trajectories if t.problem_id == "p1"]) == 3


def test_resuming_brings_the_folder_to_whole_lines_and_writes_nothing_twice(tmp_path: Path) -> None:
    path = write(tmp_path / "run")
    (path / "trajectories.jsonl").open("a").write('{"version": 1, "prob')
    (path / "answers.csv").open("a").write("0,p9")
    (path / "trees.jsonl").write_text('{"prefix": "a"}\n{"pre')
    logged = read_run(path).to_resume()
    with RunFolder.resume(path, logged) as folder:
        folder.record(logged.trajectories[0])
        folder.add_steps([{"prefix": "b"}])
        folder.add(solution(rollouts(1, 2), problem_id="p1", run=1))
    assert (path / "trees.jsonl").read_text() == '{"prefix": "a"}\n{"prefix": "b"}\n'
    again = read_run(path)
    assert [s.run for s in again.solutions] == [0, 1]
    assert again.trajectories[:3] == logged.trajectories
