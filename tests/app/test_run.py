"""Runs with a scripted engine: what they leave, and what interrupts them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from aimo_solver.app.options import Overrides, RunOptions, choose_options, options_to_toml
from aimo_solver.app.run import RunOutcome, begun_run, run_set
from aimo_solver.app.runtime import OpenRuntime
from aimo_solver.errors import EngineLoadError, InputError, SandboxError
from aimo_solver.problems.problem import Problem, answer_rule
from aimo_solver.problems.problem_set import ProblemSet
from aimo_solver.runs.writer import RunFolder
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.paths import DEMO_MODEL
from tests.helpers.examples import rollouts, solution
from tests.helpers.fakes import InProcessSandbox
from tests.helpers.runtimes import scripted_runtime, whole_checkpoint

PROBLEMS = ProblemSet("three", tuple(Problem(name, f"Problem {name}?") for name in "abc"))
SET = ProblemSet("set", (Problem("p1", "What is 6 times 7?", 42),))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    whole_checkpoint(tmp_path / "model")
    return tmp_path


def answer_set(
    place: Path,
    opened: OpenRuntime | None = None,
    *,
    limit_seconds: float = 500.0,
    preset: str = "demo",
    problems: ProblemSet = PROBLEMS,
) -> RunOutcome:
    options = choose_options(
        place / "model", preset=preset, hardware="cpu", rule=answer_rule("aimo3"), limit_seconds=limit_seconds
    )
    run = run_set(
        options,
        problems,
        place / "runs",
        Console(quiet=True),
        submission=place / "out.parquet",
        open_runtime=opened or scripted_runtime(),
    )
    return run_virtual(run)


def test_a_run_leaves_a_submission_and_a_whole_run_folder(place: Path) -> None:
    outcome = answer_set(place)
    assert pl.read_parquet(place / "out.parquet").rows() == [("a", 42), ("b", 42), ("c", 42)]
    names = {"settings.toml", "trajectories.jsonl", "answers.csv", "log.txt", "summary.json"}
    assert {path.name for path in outcome.folder.iterdir()} >= names
    assert json.loads((outcome.folder / "summary.json").read_text())["problems"] == 3


@pytest.mark.parametrize("kept", [True, False])
def test_a_search_keeps_its_trees_where_its_settings_say_so(place: Path, *, kept: bool) -> None:
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


def test_a_limit_shorter_than_loading_is_reported_and_leaves_nothing(place: Path) -> None:
    opened = scripted_runtime(start_seconds=100.0)
    with pytest.raises(InputError, match="the limit of 20 s was over before the model had loaded; raise it"):
        answer_set(place, opened, limit_seconds=20.0)
    assert list((place / "runs").iterdir()) == []
    assert not (place / "out.parquet").exists()


def test_a_checkpoint_the_engine_cannot_load_leaves_nothing(place: Path) -> None:
    opened = scripted_runtime(load_error=EngineLoadError("model has a layer too many; copy it again"))
    with pytest.raises(EngineLoadError, match="a layer too many"):
        answer_set(place, opened)
    assert list((place / "runs").iterdir()) == []
    assert not (place / "out.parquet").exists()


def test_a_dialect_that_the_tokenizer_cannot_express_is_reported(place: Path) -> None:
    (place / "gpt-oss.toml").write_text('dialect = "harmony"\n')
    with pytest.raises(InputError, match=r"dialect harmony needs a gpt-oss tokenizer: this one has no token"):
        answer_set(place, preset=str(place / "gpt-oss.toml"))
    assert not (place / "out.parquet").exists()


def test_an_interrupted_run_submits_the_fallback_for_the_rest(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add = RunFolder.add

    def interrupt(folder: RunFolder, solution: Solution) -> None:
        add(folder, solution)
        if solution.problem.id == "b":
            raise asyncio.CancelledError

    monkeypatch.setattr(RunFolder, "add", interrupt)
    with pytest.raises(asyncio.CancelledError):
        answer_set(place)
    assert pl.read_parquet(place / "out.parquet").rows() == [("a", 42), ("b", 42), ("c", 0)]


def test_a_sandbox_that_does_not_start_does_not_stop_the_run(place: Path) -> None:
    broken = InProcessSandbox(failure=SandboxError("no processes"))
    outcome = answer_set(place, scripted_runtime(sandbox=broken))
    assert len(pl.read_parquet(place / "out.parquet")) == 3
    assert "no code will run: no processes" in (outcome.folder / "log.txt").read_text()


# Runs that a study began before


def options(**changes: Any) -> RunOptions:
    given: dict[str, Any] = {"preset": "demo", "hardware": "cpu", "limit_seconds": 100.0}
    return choose_options(DEMO_MODEL, **given | changes)


def begin(place: Path, made: RunOptions, runs: int = 1) -> None:
    with RunFolder(place / "run", options_to_toml(made) | {"runs": runs}, SET.problems) as folder:
        folder.add(solution(rollouts(42)))


def test_the_same_study_is_resumed(tmp_path: Path) -> None:
    assert begun_run(tmp_path, options(), SET, 1) is None
    begin(tmp_path, options())
    kept = begun_run(tmp_path, options(), SET, 1)
    assert kept is not None and len(kept.solutions) == 1


@pytest.mark.parametrize(
    ("changes", "runs", "problems", "other"),
    [
        ({"seed": 1}, 1, SET, "seed"),
        ({"overrides": Overrides(temperature=0.1)}, 1, SET, "preset"),
        ({}, 2, SET, "runs"),
        ({}, 1, ProblemSet("set", (*SET.problems, Problem("p2", "?", 1))), "problems"),
    ],
)
def test_figures_of_other_settings_are_not_taken_for_those_asked_for(
    tmp_path: Path, changes: dict[str, Any], runs: int, problems: ProblemSet, other: str
) -> None:
    begin(tmp_path, options())
    with pytest.raises(InputError, match=f"was begun with another {other}; name another --out"):
        begun_run(tmp_path, options(**changes), problems, runs)
