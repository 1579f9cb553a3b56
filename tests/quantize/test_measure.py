"""Measured checkpoints: rows, tables and refusals. What needs an engine is in tests/engine/test_speculation.py."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from aimo_solver.cli import main as cli
from aimo_solver.dialects.numina import NUMINA
from aimo_solver.dialects.prompt import Prompt
from aimo_solver.engine.checkpoint import check_checkpoint
from aimo_solver.errors import InputError
from aimo_solver.reports.metrics import pass_at_1_difference
from aimo_solver.utils.statistics import Estimate
from quantize.cli import speculation_settings
from quantize.measure import ProbeResult, base_texts
from quantize.tables import VariantFigures, measured_markdown, measured_tables, plot_measured
from tests.helpers.examples import rollouts, solution
from tests.helpers.fakes import TOKENIZER

ROW = VariantFigures(
    label="tir",
    model="demo_model/tir",
    disk_bytes=2_240_336,
    weight_bytes=None,
    load_seconds=19.2,
    tokens_per_second=725.0,
    streams_tokens_per_second=4894.0,
    rollouts=16,
    runs=5,
    pass_at_1=Estimate(0.45, 0.37, 0.53),
    pass_at_1_difference=None,
    majority=Estimate(0.52, 0.43, 0.61),
    majority_difference=None,
    words="",
    divergence=None,
    greedy_same=None,
    tokens_per_rollout=67.0,
    code_calls_per_rollout=1.1,
    acceptance=None,
)
OTHER = replace(
    ROW,
    label="w4a16",
    pass_at_1_difference=Estimate(-0.025, -0.1, 0.07),
    majority_difference=Estimate(0.01, -0.02, 0.03),
    divergence=0.0123,
    greedy_same=0.6,
    acceptance=0.45,
)


def test_the_tables_fit_eighty_columns() -> None:
    console = Console(width=80, record=True)
    for table in measured_tables([ROW, OTHER]):
        console.print(table)
    text = console.export_text()
    for figure in (
        "2.2",
        "725",
        "4894",
        "45%",
        "0.0123",
        "60%",
        "45.0 [37, 53]",
        "-2.5 [-10.0,+7.0]",
        "+1.0 [-2.0,+3.0]",
    ):
        assert figure in text
    assert "…" not in text


def test_the_markdown_table_has_the_same_figures() -> None:
    lines = measured_markdown([ROW, OTHER]).splitlines()
    assert lines[2].startswith("| tir | 2.2 | 725 | 45.0 [37, 53] | 52.0 [43, 61] |  |")
    assert "+1.0 [-2.0,+3.0]" in lines[3] and len({line.count("|") for line in lines}) == 1


def test_json_has_null_for_what_is_no_number_and_says_why_a_figure_is_missing() -> None:
    row = replace(
        OTHER,
        divergence=math.nan,
        majority=Estimate(math.nan, 0.4, math.inf),
        missing={"divergence": "its context is too short for the texts to compare on"},
    )
    found = json.loads(json.dumps(row.to_json(), allow_nan=False))
    assert (found["divergence"], found["majority"]) == (None, {"mean": None, "low": 0.4, "high": None})
    assert found["missing"] == {"divergence": "its context is too short for the texts to compare on"}
    assert (found["label"], found["weight_bytes"], found["acceptance"]) == ("w4a16", None, 0.45)


def test_the_plot_is_reproducible(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        plot_measured([ROW, OTHER], tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "w4a16" in (tmp_path / "a.svg").read_text()


def test_the_difference_is_paired_by_problem() -> None:
    first = [solution(rollouts(42, 42, 7, 7)), solution(rollouts(1, 1), problem_id="p2")]
    second = [solution(rollouts(42, 42, 42, 7)), solution(rollouts(42), problem_id="only here")]
    found = pass_at_1_difference(first, second)
    assert found is not None and found.mean == pytest.approx(0.25)
    assert pass_at_1_difference(first, []) is None


def test_reference_texts_are_of_the_first_run() -> None:
    solutions = [solution(rollouts(None, 42)), solution(rollouts(42), problem_id="p2", run=1)]
    (text,) = base_texts(solutions, NUMINA, TOKENIZER, prompt=Prompt())
    assert TOKENIZER.decode(text.token_ids).endswith("text")


def test_a_probe_result_survives_json() -> None:
    probe = ProbeResult(
        load_seconds=1.0,
        weight_bytes=None,
        streams_tokens_per_second=2.0,
        next_tokens=[[{"7": -0.5}]],
        greedy=[[1, 2]],
        proposed=0,
        accepted=0,
    )
    assert ProbeResult(**json.loads(json.dumps(asdict(probe)))) == probe


def test_speculation_is_chosen_by_method_or_folder() -> None:
    assert speculation_settings("ngram:4")["num_speculative_tokens"] == 4
    for text in ("ngram", "ngram:0", ":3", "ngram:x"):
        with pytest.raises(InputError, match="speculative must be ngram:TOKENS or FOLDER:TOKENS"):
            speculation_settings(text)
    with pytest.raises(Exception, match="there is no folder"):
        speculation_settings("nowhere:3")


def test_sampled_speculation_is_refused_on_a_cpu(tmp_path: Path) -> None:
    """vLLM's CPU build rounds temperatures to integers there (`_expand_kernel_impl`)."""
    demo = Path(__file__).parents[2] / "demo_model" / "tir"
    check_checkpoint(demo)
    arguments = ["quantize", "measure", str(demo), "--out", str(tmp_path / "out"), "--speculative", "ngram:4"]
    ran = CliRunner().invoke(cli.app, arguments)
    assert ran.exit_code == 1 and "temperature must be 0 with speculation on a CPU" in ran.output
    assert not (tmp_path / "out").exists()
