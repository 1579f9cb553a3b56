"""Replay: a run that was killed anywhere can be resumed, and ends as if nothing had happened."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from aimo_solver.app.options import Overrides, RunOptions, choose_options
from aimo_solver.app.run import resume, run_set
from aimo_solver.app.runtime import OpenRuntime, open_runtime
from aimo_solver.config.policy_settings import FixedSettings
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import ByteTokenizer, Reply, ReplyFunction, ScriptedEngine
from aimo_solver.errors import EngineLoadError, InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import ProblemSet, join_sets
from aimo_solver.rollouts.trajectory import RolloutKey, Trajectory
from aimo_solver.runs.reader import LoggedRun, read_run
from aimo_solver.runs.writer import RunFolder
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.solver.solution import Solution
from tests.helpers.fakes import InProcessSandbox
from tests.helpers.runtimes import whole_checkpoint

PROBLEMS = join_sets([ProblemSet("three", tuple(Problem(name, f"Problem {name}?", 2) for name in "abc"))])
ROLLOUTS = 3
RUNS = 2
ALL = ROLLOUTS * RUNS * len(PROBLEMS.problems)


class Killed(asyncio.CancelledError):
    """Stands for kill -9."""


def by_seed(text: str, sampling: Sampling) -> Reply:
    return Reply(f"By seed: $\\boxed{{{(sampling.seed or 0) % 3}}}$.")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    whole_checkpoint(tmp_path / "model")
    return tmp_path


def options(place: Path, policy: str | None = None) -> RunOptions:
    overrides = Overrides(early_stop=False, rollouts=ROLLOUTS, policy=policy)
    return choose_options(place / "model", preset="demo", hardware="cpu", limit_seconds=5000.0, overrides=overrides)


def _sandbox(memory_bytes: int) -> InProcessSandbox:
    return InProcessSandbox()


def opened(script: ReplyFunction = by_seed, start_seconds: float = 0.0) -> OpenRuntime:
    """Runtimes with a scripted engine and no processes."""
    return partial(
        open_runtime,
        canary=None,
        make_engine=lambda settings: ScriptedEngine(script, start_seconds=start_seconds),
        make_sandbox=_sandbox,
        read_tokenizer=lambda folder: ByteTokenizer(),
    )


def run(
    place: Path,
    name: str,
    *,
    problems: ProblemSet = PROBLEMS,
    runs: int = 1,
    at_once: int = 1,
    console: Console | None = None,
    open_runtime: OpenRuntime | None = None,
) -> Path:
    """Replays the problems on the virtual clock; the run's folder."""
    outcome = run_set(
        options(place),
        problems,
        place / name,
        console or Console(quiet=True),
        runs=runs,
        at_once=at_once,
        open_runtime=open_runtime or opened(),
    )
    return run_virtual(outcome).folder


def start(place: Path, name: str, at_once: int = 1, open_runtime: OpenRuntime | None = None) -> Path:
    return run(place, name, runs=RUNS, at_once=at_once, open_runtime=open_runtime)


def resume_run(path: Path, open_runtime: OpenRuntime | None = None) -> None:
    run_virtual(resume(path, Console(quiet=True), open_runtime=open_runtime or opened()))


def kill_after(monkeypatch: pytest.MonkeyPatch, rollouts: int, answers: int = 1000) -> None:
    """Kills the run when one process has written that many rollouts, or answers."""
    record, add = RunFolder.record, RunFolder.add
    written = {"rollouts": 0, "answers": 0}

    def record_and_die(folder: RunFolder, trajectory: Trajectory) -> None:
        size = (folder.path / "trajectories.jsonl").stat().st_size
        record(folder, trajectory)
        written["rollouts"] += (folder.path / "trajectories.jsonl").stat().st_size > size
        if written["rollouts"] >= rollouts:
            raise Killed

    def add_and_die(folder: RunFolder, solution: Solution) -> None:
        add(folder, solution)
        written["answers"] += 1
        if written["answers"] >= answers:
            raise Killed

    monkeypatch.setattr(RunFolder, "record", record_and_die)
    monkeypatch.setattr(RunFolder, "add", add_and_die)


def facts(logged: LoggedRun) -> tuple[Mapping[RolloutKey, object], Mapping[tuple[int, Problem], object]]:
    """Everything but the times."""
    rollouts = {t.key: (t.seed, t.answer, t.stop_reason, [turn.text for turn in t.turns]) for t in logged.trajectories}
    answers = {(s.run, s.problem): (s.answer, s.vote) for s in logged.solutions}
    assert len(rollouts) == len(logged.trajectories) and len(answers) == len(logged.solutions)
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
    resume_run(path)
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
                resume_run(path)
    resume_run(path)
    assert facts(read_run(path)) == whole


def test_resuming_draws_no_rollout_twice(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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

    resume_run(path, opened(count))
    assert (kept, len(drawn)) == (4, ALL - 4)


def test_a_whole_run_loads_no_engine_to_be_resumed(place: Path) -> None:
    path = start(place, "whole")
    resume_run(path, lambda *_, **__: pytest.fail("nothing is left to do"))


def test_the_clock_resumes_where_it_stood(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = opened(start_seconds=100.0)
    with monkeypatch.context() as patched:
        kill_after(patched, 1000, answers=1)
        with pytest.raises(asyncio.CancelledError):
            start(place, "killed", open_runtime=slow)
    (path,) = (place / "killed").iterdir()
    first = read_run(path).solutions[0]
    resume_run(path, slow)
    second = read_run(path).solutions[1]
    assert first.started_seconds == pytest.approx(100.0, abs=1)
    assert second.started_seconds >= first.started_seconds + first.seconds + 100.0  # It was loaded twice.


def test_a_folder_without_statements_cannot_be_resumed(place: Path) -> None:
    path = start(place, "whole")
    (path / "problems.jsonl").unlink()
    with pytest.raises(InputError, match="has no statements, so the run cannot be resumed"):
        resume_run(path)


def test_settings_of_another_program_are_refused(place: Path) -> None:
    path = start(place, "whole")
    (path / "settings.toml").write_text("seed = 1\n")
    with pytest.raises(InputError, match="the run cannot be resumed with its settings"):
        resume_run(path)


def test_a_model_that_has_moved_is_reported(place: Path) -> None:
    path = start(place, "whole")
    shutil.rmtree(place / "model")
    with pytest.raises(EngineLoadError, match="there is no folder"):
        resume_run(path)


def test_several_sets_are_one_run_and_know_their_names(place: Path) -> None:
    sets = [ProblemSet(name, (Problem(f"{name}1", "?", 2),)) for name in ("one", "two")]
    found = read_run(run(place, "runs", problems=join_sets(sets)))
    assert [(p.id, p.set) for p in found.problems] == [("one1", "one"), ("two1", "two")]
    with pytest.raises(InputError, match=r"id 'one1' is in one and in one; replay them one by one"):
        join_sets([sets[0], sets[0]])


def test_another_policy_comes_with_its_own_settings(place: Path) -> None:
    chosen = options(place, policy="fixed").preset.policy
    assert (chosen.name, chosen.settings) == ("fixed", FixedSettings())


def test_plain_logs_have_one_line_per_problem(place: Path) -> None:
    printed = io.StringIO()
    run(place, "runs", console=Console(file=printed, width=200))
    lines = [line for line in printed.getvalue().splitlines() if line.startswith("[")]
    assert [line.split()[1] for line in lines] == ["a", "b", "c"]


def test_the_screen_shows_progress_and_when_it_will_end(place: Path) -> None:
    shown = io.StringIO()
    run(place, "runs", console=Console(file=shown, width=200, force_terminal=True), at_once=2)
    assert "/3 answered" in shown.getvalue() and "left, until" in shown.getvalue()
