"""`aimo prompt`: what the model will read, in text and tokens."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from aimo_solver.cli.main import app
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.utils.paths import DEMO_MODEL

PRESET = """
dialect = "openmath"
[prompt]
user = "Answer with {answers}. {problem}"
"""


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["prompt", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_prompt_is_printed_with_the_tokens_of_each_part(tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text(PRESET)
    printed = run("6 x 7?", "--preset", str(preset), "--contest", "aimo3")
    assert f"preset {preset}, dialect openmath, answers of aimo3: " in printed
    assert "Answer with an integer from 0 to 99999. " in printed
    assert [line.split(",")[0] for line in printed.splitlines() if " token" in line and "──" in line] == [
        "template",
        "user",
        "problem",
        "template",
    ]


def test_json_holds_the_tokens_that_the_engine_gets(tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text(PRESET)
    view = json.loads(run("6 x 7?", "--preset", str(preset), "--json"))
    assert HfTokenizer(DEMO_MODEL).decode(view["token_ids"]) == view["text"]
    assert view["tokens"] == sum(part["tokens"] for part in view["parts"])
    assert [part["name"] for part in view["parts"]] == ["template", "user", "problem", "template"]


def test_a_contest_that_does_not_fill_a_placeholder_is_one_sentence(tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text('dialect = "cot"\n[prompt]\nuser = "{modulus} {problem}"\n')
    result = CliRunner().invoke(app, ["prompt", "--preset", str(preset), "--contest", "aimo3"])
    assert result.exit_code == 1
    assert "[prompt] user has {modulus}, but aimo3 has no modulus" in result.stderr
