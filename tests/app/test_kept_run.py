"""Studies that were begun before: gone on with when the settings are the same, refused when they are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aimo_solver.app.kept_run import kept_run
from aimo_solver.app.methods import limited
from aimo_solver.app.options import RunOptions, described_options, require_one_engine, run_options
from aimo_solver.config.settings import GenSelectSettings, Preset, SearchSettings
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import ProblemSet
from aimo_solver.runs.writer import RunFolder
from aimo_solver.utils.paths import DEMO_MODEL
from tests.helpers.examples import rollouts, solution

SET = ProblemSet("set", (Problem("p1", "What is 6 times 7?", 42),))


def options(**changes: object) -> RunOptions:
    given = {"preset": "demo", "hardware": "cpu", "edition": "any-integer", "seed": 0, "limit_seconds": 100.0} | changes
    return run_options(model=DEMO_MODEL, **given)  # type: ignore[arg-type]


def begun(place: Path, made: RunOptions, runs: int = 1) -> None:
    with RunFolder(place / "run", described_options(made) | {"runs": runs}, SET.problems) as folder:
        folder.add(solution(rollouts(42)))


def test_the_same_study_is_gone_on_with(tmp_path: Path) -> None:
    assert kept_run(tmp_path, options(), SET, 1) is None
    begun(tmp_path, options())
    kept = kept_run(tmp_path, options(), SET, 1)
    assert kept is not None and len(kept.solutions) == 1


@pytest.mark.parametrize(
    ("changes", "runs", "problems", "other"),
    [
        ({"seed": 1}, 1, SET, "seed"),
        ({"temperature": 0.1}, 1, SET, "preset"),
        ({}, 2, SET, "runs"),
        ({}, 1, ProblemSet("set", (*SET.problems, Problem("p2", "?", 1))), "problems"),
    ],
)
def test_figures_of_other_settings_are_not_taken_for_those_asked_for(
    tmp_path: Path, changes: dict[str, object], runs: int, problems: ProblemSet, other: str
) -> None:
    begun(tmp_path, options())
    with pytest.raises(InputError, match=f"was begun with another {other}; name another --out"):
        kept_run(tmp_path, options(**changes), problems, runs)


def test_methods_with_two_scorers_are_refused_before_loading() -> None:
    plain = options()
    one, other = (
        replace(plain, preset=replace(plain.preset, search=SearchSettings(scorer=name))) for name in ("a", "b")
    )
    require_one_engine([plain, one])
    with pytest.raises(InputError, match="must have one scorer, got a, b"):
        require_one_engine([one, other])


def test_a_limit_that_judging_would_eat_is_refused() -> None:
    preset = replace(Preset(), genselect=GenSelectSettings(judgings=5, max_tokens=4096))
    with pytest.raises(InputError, match="tokens must be at least 40960, twice what judging may take, got 4000"):
        limited(preset, 4000)


def test_a_search_waits_for_nobody(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[rollout]\nwaits = 2\n[search]\nwidth = 4\n")
    with pytest.raises(InputError, match="waits has no meaning for a search's steps"):
        options(preset=str(path))


def test_a_scorer_that_is_no_checkpoint_is_refused_before_loading(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[search]\nscorer = "/nowhere/ppm"\n')
    with pytest.raises(Exception, match="/nowhere/ppm"):
        options(preset=str(path))


def test_a_fault_of_a_preset_names_the_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[rollout.deepconf]\nwarm_up = 2\n")
    with pytest.raises(InputError, match=r"preset .*mine\.toml: deepconf needs log-probabilities"):
        options(preset=str(path))
