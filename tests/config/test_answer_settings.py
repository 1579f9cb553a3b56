"""The forms in which a preset lets a model give its answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForm
from aimo_solver.config.settings import Preset, load_preset
from aimo_solver.errors import InputError


def test_only_boxes_count_unless_a_preset_says_otherwise(tmp_path: Path) -> None:
    assert Preset().answers.forms == BOXED_ONLY
    (tmp_path / "mine.toml").write_text('[answers]\nforms = ["boxed", "Stated"]\n')
    assert load_preset(str(tmp_path / "mine.toml")).answers.forms == (AnswerForm.BOXED, AnswerForm.STATED)


@pytest.mark.parametrize("forms", ["[]", '["stated"]', '["boxed", "boxed"]'])
def test_boxes_always_count(tmp_path: Path, forms: str) -> None:
    (tmp_path / "mine.toml").write_text(f"[answers]\nforms = {forms}\n")
    with pytest.raises(InputError, match=r"answers\.forms must contain 'boxed', and no form twice, got"):
        load_preset(str(tmp_path / "mine.toml"))


def test_an_unknown_form_lists_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[answers]\nforms = ["whispered"]\n')
    with pytest.raises(InputError, match=r"answers\.forms\.0 must be one of boxed, stated, got 'whispered'"):
        load_preset(str(tmp_path / "mine.toml"))
