"""The template dialect in a run's options: which checkpoints get it, what it is asked before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimo_solver.app.dialects import load_dialect
from aimo_solver.app.fit import require_fits
from aimo_solver.app.options import RunOptions, choose_options
from aimo_solver.dialects.prompt import encode_prompt
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import AnswerRule
from tests.helpers.chat_templates import write_checkpoint

RULE = AnswerRule("trial", minimum=0, maximum=999)


def options_of(model: Path, preset: str, folder: Path) -> RunOptions:
    path = folder / "preset.toml"
    path.write_text(preset)
    return choose_options(model, preset=str(path), hardware="cpu", rule=RULE)


@pytest.mark.parametrize("name", ["qwen3_5", "glm_4_5", "gemma_4", "deepseek_v3", "ministral_3", "nemotron_3"])
def test_a_family_without_a_file_gets_its_own_template_with_the_tool_and_the_contests_answers(
    name: str, tmp_path: Path
) -> None:
    model = write_checkpoint(tmp_path / name, name)
    if name == "deepseek_v3":  # In a class of another family its template is a distilled model's.
        config = model / "config.json"
        config.write_text(config.read_text().replace('"model_type": "llama"', '"model_type": "deepseek_v3"'))
    options = options_of(model, 'dialect = "auto"\n[rollout]\ncode_rounds = 5\n', tmp_path)
    assert options.preset.dialect == "template"
    assert "its chat template writes calls that vLLM's parser" in options.description
    tokenizer, dialect = HfTokenizer(model), load_dialect("template", model)
    text = tokenizer.decode(encode_prompt(dialect, "What is 6 times 7?", tokenizer, prompt=options.prompt))
    for part in ("an integer from 0 to 999", "The number of calls is limited to 5", "What is 6 times 7?"):
        assert text.count(part) == 1


@pytest.mark.parametrize("name", ["gemma_3", "nemotron_nano_2", "deepseek_r1_0528", "mistral_v3"])
def test_a_family_whose_template_is_refused_gets_plain_chain_of_thought(name: str, tmp_path: Path) -> None:
    options = options_of(write_checkpoint(tmp_path / name, name), 'dialect = "auto"\n', tmp_path)
    assert options.preset.dialect == "cot"
    assert options.dialect_reason


def test_a_search_is_refused_where_calls_end_with_the_turn(tmp_path: Path) -> None:
    model = write_checkpoint(tmp_path / "model", "ministral_3")
    options = options_of(model, 'dialect = "auto"\n[search]\nmethod = "beam"\n', tmp_path)
    with pytest.raises(InputError, match="this checkpoint's calls end with the turn, where a search has no step"):
        require_fits(options, load_dialect("template", model), HfTokenizer(model))


def test_a_changed_checkpoint_is_read_again(tmp_path: Path) -> None:
    model = write_checkpoint(tmp_path / "model", "qwen3_5")
    first = load_dialect("template", model)
    assert load_dialect("template", model) is first
    template = model / "chat_template.jinja"
    template.write_text(template.read_text().replace("These functions are there:", "Functions:"))
    assert load_dialect("template", model) is not first
