"""`aimo simulate` and `aimo pool`, by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aimo_solver.cli.main import app
from aimo_solver.policies.speed_table import load_speed_table
from aimo_solver.runs.writer import RunFolder
from tests.helpers.contests import MADE_UP, write_contest
from tests.helpers.examples import solution, trajectory

SAMPLES = [{"answer": "1", "tokens": 1000}, {"answer": "2", "tokens": 2000}, {"answer": "1", "tokens": 3000}]
ONE_POLICY = ["--policy", "fixed", "--contests", "2", "--problems", "3"]


def run(*arguments: str) -> tuple[int, str, str]:
    ran = CliRunner().invoke(app, list(arguments))
    return ran.exit_code, ran.stdout, ran.stderr


@pytest.fixture
def pool(tmp_path: Path) -> str:
    rows = [{"id": id, "gold": "1", "samples": SAMPLES} for id in ("a", "b")]
    path = tmp_path / "small.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def test_figures_come_as_json(pool: str) -> None:
    code, out, _ = run("simulate", "--pool", pool, *ONE_POLICY, "--policy", "adaptive", "--json")
    figures = json.loads(out)["policies"]
    assert code == 0
    assert [(one["policy"], one["pool"]) for one in figures] == [("fixed", "small"), ("adaptive", "small")] * 3
    assert set(figures[0]) == {
        *("pool", "policy", "budget_seconds", "hardware", "solved_mean", "solved_se", "worst_5_percent"),
        *("seconds_mean", "unasked_mean", "share_of_bound", "bound", "hindsight", "majority_all", "vs_first"),
    }


def test_a_table_names_each_policy_and_the_speeds_sources(pool: str) -> None:
    code, out, _ = run("simulate", "--pool", pool, *ONE_POLICY, "--budget-seconds", "100")
    assert code == 0
    assert "unmeasured" in out
    assert "fixed" in out
    assert "informed bound" in out


def test_a_policy_with_settings_of_ones_own_is_called_as_its_file(pool: str, tmp_path: Path) -> None:
    (tmp_path / "three.toml").write_text('[policy]\nname = "fixed"\n[policy.settings]\nstop = "agreement"\n')
    code, out, _ = run("simulate", "--pool", pool, *ONE_POLICY, "--policy", str(tmp_path / "three.toml"), "--json")
    assert code == 0
    assert {one["policy"] for one in json.loads(out)["policies"]} == {"fixed", "three"}


def test_settings_a_policy_refuses_are_reported_with_the_files_name(pool: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[policy]\nname = "fixed"\n[policy.settings]\nstop = "hope"\n')
    code, _, err = run("simulate", "--pool", pool, "--policy", str(tmp_path / "mine.toml"))
    assert code == 1
    assert err.startswith(f"error: {tmp_path / 'mine.toml'}: policy.settings.stop must be one of cannot-be-caught")


def test_a_plot_shows_each_policy(pool: str, tmp_path: Path) -> None:
    pictures = [tmp_path / "1.svg", tmp_path / "2.svg"]
    for picture in pictures:
        code, _, _ = run("simulate", "--pool", pool, *ONE_POLICY, "--budget-seconds", "100", "--plot", str(picture))
        assert code == 0
    assert pictures[0].read_text().startswith("<?xml")
    assert pictures[0].read_bytes() == pictures[1].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--policy", "fixed", "--policy", "fixed"], "must have different names, got 'fixed' twice"),
        (["--plot", "solved.gif"], "plot must end in .svg, .png, .pdf, got 'solved.gif'"),
        (["--plot", "nowhere/solved.svg"], "its folder does not exist"),
        (["--budget-seconds", "0"], "budget-seconds must be positive and at most 500,000, got 0.0"),
        (["--policy", "greedy"], "policy must be one of fixed, "),
        (["--speed-table", "a100"], "speed table must be one of"),
        (["--contest", "aimo9"], "contest must be one of"),
    ],
)
def test_bad_input_is_one_sentence(pool: str, arguments: list[str], sentence: str) -> None:
    code, _, err = run("simulate", "--pool", pool, *arguments)
    assert code == 1
    assert err.startswith("error: ")
    assert sentence in err
    assert "Traceback" not in err


def test_a_file_that_is_no_pool_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text('{"id": "a", "problem": "?", "answer": 1}')
    code, _, err = run("simulate", "--pool", str(tmp_path / "set.jsonl"))
    assert code == 1
    assert "line 1: samples must be a list of logged rollouts" in err


def test_runs_become_a_pool_that_can_be_simulated(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", {}) as folder:
        folder.add(solution([trajectory(42, rollout) for rollout in range(4)]))
    out = tmp_path / "mine.jsonl"
    assert run("pool", str(tmp_path / "run"), "--out", str(out))[0] == 0
    code, printed, _ = run("simulate", "--pool", str(out), *ONE_POLICY, "--budget-seconds", "100", "--json")
    assert code == 0
    assert json.loads(printed)["policies"][0]["solved_mean"] == 3.0


def test_a_pool_and_its_speeds_are_written_together(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", {}) as folder:
        folder.add(solution([trajectory(42, rollout) for rollout in range(4)]))
    pool, speeds = str(tmp_path / "mine.jsonl"), str(tmp_path / "mine.toml")
    assert run("pool", str(tmp_path / "run"), "--out", pool, "--speed-table", speeds)[0] == 0
    assert load_speed_table(speeds).tokens_per_second == (10.0,)  # 10 tokens in a second, each of 4.


def test_a_run_without_golds_makes_no_pool(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", {}) as folder:
        folder.add(solution([trajectory(42)], gold=None))
    code, _, err = run("pool", str(tmp_path / "run"), "--out", str(tmp_path / "mine.jsonl"))
    assert code == 1
    assert "no finished rollout" in err
    assert not (tmp_path / "mine.jsonl").exists()


def test_a_gold_that_is_no_integer_is_one_sentence(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", {}) as folder:
        folder.add(solution([trajectory(42)]))
    answers = tmp_path / "run" / "answers.csv"
    answers.write_text(answers.read_text().replace("42", "x"))
    code, _, err = run("pool", str(tmp_path / "run"))
    assert code == 1
    assert "answers.csv, line 2: gold must be an integer, got 'x'" in err


def test_a_time_that_is_no_number_is_one_sentence(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", {}) as folder:
        folder.add(solution([trajectory(42)]))
    logged = tmp_path / "run" / "trajectories.jsonl"
    logged.write_text(logged.read_text().replace('"started_seconds": 0.0', '"started_seconds": "x"'))
    code, _, err = run("pool", str(tmp_path / "run"))
    assert code == 1
    assert "trajectories.jsonl, line 1: started_seconds must be a number, 0 or more, got 'x'" in err


def test_a_killed_runs_last_line_may_be_cut(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", {}) as folder:
        folder.add(solution([trajectory(42), trajectory(42, 1)]))
    log = tmp_path / "run" / "trajectories.jsonl"
    log.write_text(log.read_text()[:-20])
    assert "1 problem, 1 sample" in run("pool", str(tmp_path / "run"), "--out", str(tmp_path / "mine.jsonl"))[1]


def test_a_pool_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", {}) as folder:
        folder.add(solution([trajectory(42)]))
    code, _, err = run("pool", str(tmp_path / "run"), "--out", str(tmp_path / "none" / "mine.jsonl"))
    assert code == 1
    assert "mine.jsonl: cannot be written" in err


def test_a_profile_of_no_seconds_is_refused_before_the_engine_loads() -> None:
    code, _, err = run("profile-engine", "--seconds", "0")
    assert code == 1
    assert "seconds must be positive, got 0.0" in err


def test_a_contest_of_ones_own_decides_which_answers_count(pool: str, tmp_path: Path) -> None:
    contest = str(write_contest(tmp_path, MADE_UP.replace("minimum = -7", "minimum = 2")))
    code, out, error = run("simulate", "--pool", pool, *ONE_POLICY, "--budget-seconds", "100", "--contest", contest)
    assert code == 1 and "winter" in out + error, (out, error)
    code, out, _ = run("simulate", "--pool", pool, *ONE_POLICY, "--contest", str(write_contest(tmp_path)), "--json")
    assert code == 0 and json.loads(out)["policies"]
