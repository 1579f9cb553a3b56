"""The `[prompt]` table: what is a placeholder, and what is refused when a preset is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.config.names import Effort
from aimo_solver.config.prompt_settings import PLACEHOLDERS, PromptExample, PromptSettings, fill, placeholders
from aimo_solver.config.settings import load_preset
from aimo_solver.errors import InputError

PROMPT = r"""
[prompt]
system = 'Box {answers}: \boxed{}.'
tool = "At most {timeout_seconds} s."
user = "{problem} {{so}}"
effort = "LOW"

[[prompt.examples]]
problem = "1 + 1?"
solution = '{2}'
"""


def test_a_table_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(PROMPT)
    assert load_preset(str(path)).prompt == PromptSettings(
        system="Box {answers}: \\boxed{}.",
        tool="At most {timeout_seconds} s.",
        user="{problem} {{so}}",
        effort=Effort.LOW,
        examples=(PromptExample(problem="1 + 1?", solution="{2}"),),
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('system = "{answer}"', "[prompt] system: a placeholder must be one of problem, answers, "),
        ('system = "{answer}"', "got '{answer}'; write {{answer}} for these words"),
        (r"system = '\frac{1}{2}'", "[prompt] system: a single brace must be written {{, got "),
        ('user = "Solve it."', "[prompt] user must contain {problem} once, got 'Solve it.'"),
        ('user = "{problem} {problem}"', "[prompt] user must contain {problem} once, got "),
        ('system = "{problem}"', "[prompt] system must not contain {problem}, which belongs in user, got "),
        ('effort = "huge"', "prompt.effort must be one of low, medium, high, got 'huge'"),
        ('sytem = "x"', "prompt.sytem: unknown key, got 'x'"),
        ("[[prompt.examples]]\nproblem = 'x'", "prompt.examples.0.solution must be given"),
    ],
)
def test_what_cannot_be_filled_is_refused_when_the_preset_is_read(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"[prompt]\n{line}\n")
    with pytest.raises(InputError) as caught:
        load_preset(str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert reason in str(caught.value)


def test_an_empty_box_is_no_placeholder() -> None:
    assert fill(r"Use \boxed{} for {minimum}.", {"minimum": "0"}) == r"Use \boxed{} for 0."


@given(st.text(), st.sampled_from(sorted(PLACEHOLDERS)))
def test_any_words_can_be_written_beside_a_placeholder(words: str, name: str) -> None:
    escaped = words.replace("{", "{{").replace("}", "}}")
    template = f"{escaped} {{{name}}}"
    assert placeholders(template) == [name]
    assert fill(template, {name: "7"}) == f"{words} 7"


@given(st.text())
def test_what_is_filled_in_is_not_filled_again(value: str) -> None:
    assert fill("{answers}{{minimum}}", {"answers": value, "minimum": "0"}) == value + "{minimum}"
