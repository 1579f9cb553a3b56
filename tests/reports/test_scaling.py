"""s1's figures of a sweep over budgets, and methods at equal tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aimo_solver.app.methods import Method, Study, limited
from aimo_solver.cli import main as cli
from aimo_solver.cli import methods as study_commands
from aimo_solver.config.settings import GenSelectSettings, Preset
from aimo_solver.errors import InputError
from aimo_solver.reports.scaling import Budget, measure_scaling, thinking_tokens
from aimo_solver.reports.tables import method_rows
from aimo_solver.rollouts.trajectory import Turn
from aimo_solver.solver.solution import Solution
from tests.helpers.examples import solution, trajectory


def answered(tokens: int, *answers: int | None) -> list[Solution]:
    """Returns one solved problem per answer, each by one rollout of that many tokens."""
    return [
        solution([trajectory(answer, tokens=tokens)], problem_id=f"p{place}") for place, answer in enumerate(answers)
    ]


def test_s1_more_thinking_that_helps_has_a_slope_in_points_per_thousand_tokens() -> None:
    found = measure_scaling([(Budget(100), answered(100, 7, 7, 42, 7)), (Budget(200), answered(200, 7, 42, 42, 42))])
    assert found.slope is not None and found.slope.mean == pytest.approx(500.0)  # 50 points for 100 tokens.
    assert found.performance.mean == pytest.approx(0.75)
    assert [row.thinking_tokens for row in found.rows] == [100, 200] and found.control == 1.0


def test_s1_the_slope_is_the_mean_over_pairs() -> None:
    found = measure_scaling(
        [(Budget(10 * n), answered(10 * n, *answers)) for n, answers in ((1, (7, 7)), (2, (42, 7)), (4, (42, 42)))]
    )
    assert found.slope is not None and found.slope.mean == pytest.approx((5000 + 2500 + 10000 / 3) / 3)


def test_s1_a_rollout_beyond_its_budget_is_out_of_control() -> None:
    found = measure_scaling([(Budget(50), [*answered(50, 42), *answered(60, 42, 42)[1:]])])
    assert found.control == 0.5 and found.slope is None


def test_s1_the_forced_answer_is_no_thinking() -> None:
    turns = (Turn("long", 90, 1.0), Turn("42}", 8, 1.0, flush=True))
    assert thinking_tokens(trajectory(42, turns=turns)) == 90


def test_budgets_must_have_the_same_problems() -> None:
    with pytest.raises(InputError, match="every budget must have the same problems: 'p1'"):
        measure_scaling([(Budget(10), answered(10, 42, 42)), (Budget(20), answered(20, 42))])
    with pytest.raises(InputError, match="needs problems with gold answers"):
        measure_scaling([(Budget(10), [solution([trajectory(42)], gold=None)])])


def test_methods_are_compared_with_the_first_at_the_same_limit() -> None:
    rows = method_rows(
        {
            ("a", 200): answered(90, 42, 42),
            ("a", 100): answered(50, 42, 7),
            ("b", 100): answered(60, 42, 42),
        }
    )
    assert [(row.name, row.limit_tokens, row.correct) for row in rows] == [("a", 100, 1), ("b", 100, 2), ("a", 200, 2)]
    assert rows[0].difference is None and rows[0].words == ""
    assert rows[1].difference is not None and rows[1].difference.mean == pytest.approx(0.5)
    assert rows[1].tokens == 60


def test_a_limit_holds_for_the_problem_its_rollouts_and_its_judge() -> None:
    preset = limited(Preset(), 1000)
    assert (preset.policy.max_tokens, preset.rollout.max_tokens) == (1000, 1000)
    judged = limited(replace(Preset(), genselect=GenSelectSettings(judgings=3, max_tokens=100)), 1000)
    assert (judged.policy.max_tokens, judged.rollout.max_tokens) == (700, 700)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("methods", "--preset", "no-such", "--out", "o"), "preset must be one of"),
        (("methods", "--preset", "demo", "--preset", "demo", "--out", "o"), "presets must have different names"),
        (("methods", "--preset", "demo", "--out", "o", "--dialect", "klingon"), "dialect must be one of auto, numina"),
        (("scaling", "no-such-set", "--out", "o"), "set must be one of"),
    ],
)
def test_bad_input_is_one_sentence(arguments: tuple[str, ...], sentence: str, tmp_path: object) -> None:
    ran = CliRunner().invoke(cli.app, list(arguments))
    assert ran.exit_code == 1 and sentence in ran.output


def test_a_search_keeps_its_own_number_of_trees_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Eight trees at once on 1,000 tokens had ended without an answer, every one."""
    asked: list[Method] = []

    async def look(methods: Sequence[Method], limits_tokens: Sequence[int], study: Study) -> dict[object, object]:
        asked.extend(methods)
        return {}

    monkeypatch.setattr(study_commands, "study_methods", look)
    wanted = ["--preset", "demo", "--preset", "demo-rstar", "--hardware", "cpu", "--concurrent", "8"]
    CliRunner().invoke(cli.app, ["methods", *wanted, "--out", str(tmp_path / "study")])
    assert [method.options.preset.policy.concurrent for method in asked] == [8, 1]


@pytest.mark.parametrize("command", ["methods", "scaling", "revote"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: aimo {command}" in CliRunner().invoke(cli.app, [command, "--help"]).output
