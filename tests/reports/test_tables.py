"""Tables: how figures are written, and that a table needs little of the program."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence

import pytest
from rich.console import Console
from rich.table import Table

from aimo_solver.config.names import VoteName
from aimo_solver.reports.revote import revote
from aimo_solver.reports.scaling import Budget, measure_scaling
from aimo_solver.reports.tables import (
    method_rows,
    method_table,
    percent,
    points,
    revote_table,
    run_table,
    scaling_table,
)
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.statistics import Estimate
from aimo_solver.voting import VOTE_RULES
from tests.helpers.examples import rollouts, solution

_LIST_MODULES = "import sys, json, aimo_solver.reports.tables; print(json.dumps(sorted(sys.modules)))"


def solutions(*answers: int | None) -> Sequence[Solution]:
    return [solution(rollouts(answer), problem_id=f"p{number}") for number, answer in enumerate(answers)]


def lines(table: Table) -> list[str]:
    """What an 80-column terminal shows."""
    shown = io.StringIO()
    Console(file=shown, width=80).print(table)
    return [line.rstrip() for line in shown.getvalue().splitlines() if line.strip()]


def test_shares_are_in_percent_and_differences_in_points() -> None:
    assert percent(Estimate(0.45, 0.37, 0.53)) == "45.0 [37, 53]"
    assert percent(Estimate(0.45, 0.37, 0.53), 0, 1) == "45 [37.0, 53.0]"
    assert points(Estimate(-0.025, -0.1, 0.07)) == "-2.5 [-10.0,+7.0]"
    assert (percent(None), points(None)) == ("-", "")


@pytest.mark.parametrize(
    "table",
    [
        run_table(solutions(42, 7), "a run"),
        revote_table(
            [
                revote(solutions(42, 7), VOTE_RULES[VoteName.PLURALITY]),
                revote(solutions(42, 7), VOTE_RULES[VoteName.CODE]),
            ]
        ),
        method_table(method_rows({("a", 1000): solutions(42, 7), ("b", 1000): solutions(42, 42)})),
        scaling_table(measure_scaling([(Budget(100), solutions(42, 7))])),
    ],
    ids=["run", "revote", "methods", "scaling"],
)
def test_a_table_fits_80_columns_and_cuts_no_figure(table: Table) -> None:
    assert all(len(line) <= 80 and "…" not in line for line in lines(table))


def test_a_run_is_shown_by_source_and_as_a_whole() -> None:
    (*_, last) = lines(run_table(solutions(42, 7), "a run"))
    assert last.split()[:2] == ["all", "1/2"]


def test_a_table_needs_no_engine_no_simulation_and_no_heavy_library() -> None:
    found = subprocess.run([sys.executable, "-c", _LIST_MODULES], capture_output=True, text=True, check=True)
    modules: set[str] = set(json.loads(found.stdout))
    heavy = {"numpy", "polars", "plotly", "matplotlib", "transformers", "huggingface_hub", "pygments", "tokenizers"}
    assert not modules & heavy
    ours = {name for name in modules if name.startswith("aimo_solver.")}
    assert {name for name in ours if name.startswith("aimo_solver.sandbox")} == {
        "aimo_solver.sandbox",
        "aimo_solver.sandbox.base",
    }
    assert not [name for name in ours if name.split(".")[1] in ("engine", "simulation", "app", "cli", "kaggle")]
