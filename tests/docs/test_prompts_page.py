"""docs/prompts.md names every placeholder and every key of `[prompt]`, and the tokens that the texts have."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from aimo_solver.config.prompt_settings import PLACEHOLDERS, PromptSettings, placeholders
from aimo_solver.config.settings import load_preset
from aimo_solver.dialects import DIALECTS
from aimo_solver.utils.paths import PROJECT

PAGE = (PROJECT / "docs" / "prompts.md").read_text(encoding="utf-8")


def first_cells(head: str) -> list[str]:
    """Returns the first column of the table under that head."""
    rows = PAGE.partition(f"| {head} |")[2].split("\n\n")[0].splitlines()[2:]
    return [row.split("|")[1] for row in rows]


def test_every_key_is_described() -> None:
    described = [re.findall(r"`(\w+)`", cell) for cell in first_cells("key")]
    assert [key for keys in described for key in keys] == [field.name for field in fields(PromptSettings)]


def test_every_placeholder_is_described() -> None:
    described = [name for cell in first_cells("placeholder") for name in re.findall(r"`\{(\w+)\}`", cell)]
    assert sorted(described) == sorted(PLACEHOLDERS)


def test_every_dialect_is_described() -> None:
    described = [name for cell in first_cells("dialect") for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(described) == sorted([*DIALECTS, "template"])


@pytest.mark.parametrize("name", ["aimo3-second", "aimo3-third"])
def test_the_winners_texts_are_filled_from_placeholders_alone(name: str) -> None:
    settings = load_preset(name).prompt
    for text in (settings.system, settings.tool):
        assert text
        assert placeholders(text)
        assert not re.search(r"\d", text)
