"""A run's prompt: filled when its options are chosen, kept in its folder, and read from there."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w

from aimo_solver.app.options import Overrides, RunOptions, choose_options, options_of_run, options_to_toml
from aimo_solver.dialects.cot import COT
from aimo_solver.dialects.prompt import Prompt
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import answer_rule
from aimo_solver.runs.reader import read_run
from aimo_solver.runs.writer import RunFolder, without_none
from aimo_solver.utils.paths import DEMO_MODEL
from quantize.calibration import choose_plain_rows, row_ids
from tests.helpers.examples import solution, trajectory
from tests.helpers.fakes import TOKENIZER

PRESET = """
dialect = "openmath"
[prompt]
user = "{problem} On {date}, with {maximum}."
[[prompt.examples]]
problem = "1 + 1?"
solution = "2"
"""


def chosen(folder: Path, text: str = PRESET, *, dialect: str | None = None) -> RunOptions:
    preset = folder / "mine.toml"
    preset.write_text(text)
    wanted = Overrides(dialect=dialect)
    return choose_options(DEMO_MODEL, preset=str(preset), hardware="cpu", rule=answer_rule("aimo3"), overrides=wanted)


def kept(options: RunOptions) -> dict[str, object]:
    return tomllib.loads(tomli_w.dumps(without_none(options_to_toml(options))))


def test_a_resumed_run_reads_the_prompt_with_which_it_began(tmp_path: Path) -> None:
    options = chosen(tmp_path)
    begun = replace(options, prompt=replace(options.prompt, after_problem=" On 2026-01-01.", date="2026-01-01"))
    assert options_of_run(kept(begun), tmp_path).prompt == begun.prompt


def test_a_run_that_kept_no_prompt_is_resumed_with_its_presets(tmp_path: Path) -> None:
    options = chosen(tmp_path)
    settings = {name: value for name, value in kept(options).items() if name != "prompt"}
    assert options_of_run(settings, tmp_path).prompt == options.prompt


def test_a_contest_that_does_not_fill_a_placeholder_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mine\.toml: \[prompt\] user has {modulus}, but aimo3 has no modulus"):
        chosen(tmp_path, 'dialect = "cot"\n[prompt]\nuser = "{problem} {modulus}"\n')


def test_another_dialect_than_the_presets_reads_its_own_words() -> None:
    options = choose_options(DEMO_MODEL, preset="aimo3-second", hardware="cpu", overrides=Overrides(dialect="numina"))
    assert options.prompt == Prompt(date=options.prompt.date)


def test_the_presets_own_dialect_keeps_its_words(tmp_path: Path) -> None:
    assert chosen(tmp_path, dialect="OpenMath").prompt == chosen(tmp_path).prompt


def test_a_preset_for_any_dialect_keeps_its_words(tmp_path: Path) -> None:
    options = chosen(tmp_path, '[prompt]\nuser = "So: {problem}"\n', dialect="cot")
    assert options.prompt.before_problem == "So: "


def test_calibration_reads_what_the_model_read(tmp_path: Path) -> None:
    options = chosen(tmp_path)
    with RunFolder(tmp_path / "run", options_to_toml(options)) as run:
        for number in range(16):
            run.add(solution([trajectory(42, problem_id=f"p{number}")], problem_id=f"p{number}"))
    row = choose_plain_rows([read_run(tmp_path / "run")], 16, seed=0)[0]
    text = TOKENIZER.decode(row_ids(row, COT, TOKENIZER))
    assert text.startswith("user: 1 + 1? On ")
    assert "user: What is 6 times 7? On " in text
    assert text.endswith(", with 99999.<|end|>\nassistant: text")
