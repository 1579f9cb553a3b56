"""Replay at length: a run that was killed anywhere goes on, and ends as if nothing had happened."""

from __future__ import annotations

import asyncio
import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from aimo_solver.app import kernel as entry
from aimo_solver.app import runtime as workshop
from aimo_solver.app.options import RunOptions, run_options
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply, ScriptedEngine
from aimo_solver.errors import EngineLoadError, InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import ProblemSet, join_sets
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.runs.reader import LoggedRun, read_run
from aimo_solver.runs.writer import RunFolder
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.solver.solution import Solution
from tests.helpers.fakes import InProcessSandbox

PROBLEMS = join_sets([ProblemSet("three", tuple(Problem(name, f"Problem {name}?", 2) for name in "abc"))])
ROLLOUTS = 3
RUNS = 2
ALL = ROLLOUTS * RUNS * len(PROBLEMS.problems)


class Killed(asyncio.CancelledError):
    """Where kill -9 would strike."""


def by_seed(text: str, sampling: Sampling) -> Reply:
    return Reply(f"By seed: $\\boxed{{{(sampling.seed or 0) % 3}}}$.")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    checkpoint = tmp_path / "model"
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    (checkpoint / "tokenizer.json").write_text("{}")
    (checkpoint / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    monkeypatch.setattr(workshop, "VllmEngine", lambda settings: ScriptedEngine(by_seed))
    monkeypatch.setattr(workshop, "ProcessSandbox", lambda memory_bytes: InProcessSandbox())
    return tmp_path


def options(place: Path, **changes: object) -> RunOptions:
    given = {"early_stop": False, "rollouts": ROLLOUTS} | changes
    return run_options(
        model=place / "model",
        preset="demo",
        hardware="cpu",
        edition="any-integer",
        seed=0,
        limit_seconds=5000.0,
        **given,  # pyright: ignore[reportArgumentType]
    )


def start(place: Path, name: str, at_once: int = 1) -> Path:
    console = Console(quiet=True)
    run = entry.run_set(options(place), PROBLEMS, place / name, console, runs=RUNS, at_once=at_once)
    return run_virtual(run).folder


def go_on(path: Path) -> None:
    run_virtual(entry.go_on(path, Console(quiet=True)))


def kill_after(monkeypatch: pytest.MonkeyPatch, rollouts: int, answers: int = 1000) -> None:
    """Strikes when so many rollouts, or answers, have been written by one process."""
    record, add = RunFolder.record, RunFolder.add
    written = {"rollouts": 0, "answers": 0}

    def record_and_die(folder: RunFolder, trajectory: Trajectory) -> None:
        known = trajectory.key in folder._recorded
        record(folder, trajectory)
        written["rollouts"] += not known
        if written["rollouts"] >= rollouts:
            raise Killed

    def add_and_die(folder: RunFolder, solution: Solution) -> None:
        add(folder, solution)
        written["answers"] += 1
        if written["answers"] >= answers:
            raise Killed

    monkeypatch.setattr(RunFolder, "record", record_and_die)
    monkeypatch.setattr(RunFolder, "add", add_and_die)


def facts(run: LoggedRun) -> tuple[dict, dict]:
    """Everything but the times."""
    rollouts = {t.key: (t.seed, t.answer, t.stop_reason, [turn.text for turn in t.turns]) for t in run.trajectories}
    answers = {(s.run, s.problem): (s.answer, s.vote) for s in run.solutions}
    assert len(rollouts) == len(run.trajectories) and len(answers) == len(run.solutions)
    return rollouts, answers


@pytest.mark.parametrize("at_once", [1, 2])
@pytest.mark.parametrize("rollouts", [1, 2, 3, 4, 7, 9, 10, 17])
def test_a_run_killed_anywhere_ends_as_an_undisturbed_one(
    place: Path, monkeypatch: pytest.MonkeyPatch, rollouts: int, at_once: int
) -> None:
    whole = facts(read_run(start(place, "whole", at_once)))
    assert (len(whole[0]), len(whole[1])) == (ALL, RUNS * len(PROBLEMS.problems))
    with monkeypatch.context() as patched:
        kill_after(patched, rollouts)
        with pytest.raises(asyncio.CancelledError):
            start(place, "killed", at_once)
    (path,) = (place / "killed").iterdir()
    (path / "trajectories.jsonl").open("a").write('{"version": 1, "prob')  # The line that was being written.
    go_on(path)
    assert facts(read_run(path)) == whole
    assert (path / "summary.json").exists()


def test_a_run_may_be_killed_again_and_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = facts(read_run(start(place, "whole")))
    with monkeypatch.context() as patched:
        kill_after(patched, 1000, answers=1)
        with pytest.raises(asyncio.CancelledError):
            start(place, "killed")
    (path,) = (place / "killed").iterdir()
    for _ in range(4):
        with monkeypatch.context() as patched:
            kill_after(patched, 1000, answers=1)
            with pytest.raises(asyncio.CancelledError):
                go_on(path)
    go_on(path)
    assert facts(read_run(path)) == whole


def test_going_on_draws_no_rollout_twice(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        kill_after(patched, 4)
        with pytest.raises(asyncio.CancelledError):
            start(place, "killed")
    (path,) = (place / "killed").iterdir()
    kept = len(read_run(path).to_resume().trajectories)
    drawn: list[str] = []

    def count(text: str, sampling: Sampling) -> Reply:
        drawn.append(text)
        return by_seed(text, sampling)

    monkeypatch.setattr(workshop, "VllmEngine", lambda settings: ScriptedEngine(count))
    go_on(path)
    assert (kept, len(drawn)) == (4, ALL - 4)


def test_a_whole_run_is_not_gone_on_with(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = start(place, "whole")
    monkeypatch.setattr(workshop, "VllmEngine", lambda settings: pytest.fail("nothing is left to do"))
    go_on(path)


def test_the_clock_goes_on_where_it_stood(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "VllmEngine", lambda settings: ScriptedEngine(by_seed, start_seconds=100.0))
    with monkeypatch.context() as patched:
        kill_after(patched, 1000, answers=1)
        with pytest.raises(asyncio.CancelledError):
            start(place, "killed")
    (path,) = (place / "killed").iterdir()
    first = read_run(path).solutions[0]
    go_on(path)
    second = read_run(path).solutions[1]
    assert first.started_seconds == pytest.approx(100.0, abs=1)
    assert second.started_seconds >= first.started_seconds + first.seconds + 100.0  # It was loaded twice.


def test_a_folder_without_statements_cannot_be_gone_on_with(place: Path) -> None:
    path = start(place, "whole")
    (path / "problems.jsonl").unlink()
    with pytest.raises(InputError, match="has no statements, so there is nothing to go on with"):
        go_on(path)


def test_settings_that_are_not_ours_are_told(place: Path) -> None:
    path = start(place, "whole")
    (path / "settings.toml").write_text("seed = 1\n")
    with pytest.raises(InputError, match="its settings cannot be gone on with"):
        go_on(path)


def test_a_model_that_has_moved_is_told(place: Path) -> None:
    path = start(place, "whole")
    shutil.rmtree(place / "model")
    with pytest.raises(EngineLoadError, match="there is no folder"):
        go_on(path)


def test_several_sets_are_one_run_and_know_their_names(place: Path) -> None:
    sets = [ProblemSet(name, (Problem(f"{name}1", "?", 2),)) for name in ("one", "two")]
    run = entry.run_set(options(place), join_sets(sets), place / "runs", Console(quiet=True))
    found = read_run(run_virtual(run).folder)
    assert [(p.id, p.set) for p in found.problems] == [("one1", "one"), ("two1", "two")]
    with pytest.raises(InputError, match=r"id 'one1' is in one and in one; replay them one by one"):
        join_sets([sets[0], sets[0]])


def test_another_policy_comes_with_its_own_settings(place: Path) -> None:
    chosen = options(place, policy="fixed").preset.policy
    assert (chosen.name, chosen.settings) == ("fixed", {})


def test_plain_logs_have_a_line_a_problem(place: Path) -> None:
    console = Console(file=io.StringIO(), width=200)
    run_virtual(entry.run_set(options(place), PROBLEMS, place / "runs", console))
    lines = [line for line in console.file.getvalue().splitlines() if line.startswith("[")]  # type: ignore[attr-defined]
    assert [line.split()[1] for line in lines] == ["a", "b", "c"]


def test_the_screen_tells_progress_and_when_it_will_end(place: Path) -> None:
    console = Console(file=io.StringIO(), width=200, force_terminal=True)
    run_virtual(entry.run_set(options(place), PROBLEMS, place / "runs", console, at_once=2))
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert "/3 answered" in told and "left, until" in told
