"""What a checkpoint and a run's prompt lack in common is one sentence, before weights are loaded."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aimo_solver.app.dialects import load_dialect
from aimo_solver.app.fit import known_context, require_fits, tokenizer_notes
from aimo_solver.app.options import Overrides, RunOptions, choose_options
from aimo_solver.app.runtime import open_runtime
from aimo_solver.config.settings import Hardware
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.engine.vllm.settings import VllmSettings
from aimo_solver.errors import AimoError, EngineLoadError, InputError
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.utils.paths import DEMO_MODEL
from tests.helpers.chat_templates import write_checkpoint
from tests.helpers.commands import all_commands
from tests.helpers.fakes import InProcessSandbox
from tests.helpers.stand_ins import write_stand_in


def chosen(model: Path, dialect: str = "auto", **changes: Any) -> RunOptions:
    overrides = Overrides(dialect=dialect, **changes)
    return choose_options(model, preset="default", hardware="cpu", overrides=overrides)


def _sandbox(memory_bytes: int) -> InProcessSandbox:
    return InProcessSandbox()


def fault_of(options: RunOptions) -> str:
    """Returns why a run is refused before its engine is made."""

    def never_made(settings: VllmSettings) -> Any:
        raise AssertionError("the engine was made")

    async def opened() -> None:
        async with open_runtime(
            options,
            log=lambda line: None,
            ends_at=1e9,
            make_engine=never_made,
            make_sandbox=_sandbox,
        ):
            pass

    with pytest.raises(AimoError) as raised:
        run_virtual(opened())
    return str(raised.value)


def test_auto_is_a_concrete_dialect_with_a_reason_once_options_are_chosen(tmp_path: Path) -> None:
    options = chosen(write_checkpoint(tmp_path / "model", "qwen2_5"))
    assert options.preset.dialect == "hermes"
    assert "dialect hermes (its chat template has ChatML and JSON calls" in options.description


def test_dialect_that_is_named_has_no_reason() -> None:
    options = chosen(DEMO_MODEL, "NUMINA")
    assert (options.preset.dialect, options.dialect_reason) == ("numina", "")


@pytest.mark.parametrize("dialect", ["numina", "openmath", "hermes"])
def test_base_model_is_refused_by_dialects_that_need_a_chat_template(tmp_path: Path, dialect: str) -> None:
    model = write_stand_in(tmp_path / "model", template=None, special=("<|im_start|>", "<|im_end|>"))
    assert "has no chat template; add the model's chat_template.jinja to it" in fault_of(chosen(model, dialect))


@pytest.mark.parametrize(
    ("dialect", "token"), [("harmony", "<|start|>"), ("s1", "<|im_start|>"), ("hermes", "<|im_start|>")]
)
def test_tokenizer_without_the_dialects_tokens_is_refused(tmp_path: Path, dialect: str, token: str) -> None:
    fault = fault_of(chosen(write_stand_in(tmp_path / "model"), dialect))
    assert f"dialect {dialect} needs a " in fault and f"this one has no token {token}" in fault


def test_template_dialect_that_does_not_fit_is_refused_with_the_reason(tmp_path: Path) -> None:
    model = write_checkpoint(tmp_path / "model", "gemma_3")
    with pytest.raises(InputError, match=r"dialect template does not fit .*; name another dialect, such as cot"):
        chosen(model, "template")


def test_prompt_longer_than_the_context_is_refused(tmp_path: Path) -> None:
    options = chosen(write_stand_in(tmp_path / "model", config={"max_position_embeddings": 96}))
    assert "and the context has 96; shorten [prompt]" in fault_of(options)


def test_context_is_the_checkpoints_own_or_less(tmp_path: Path) -> None:
    stretched = {"rope_type": "yarn", "factor": 4.0}
    for config, wanted, context in (
        ({}, None, 8192),
        ({}, 4096, 4096),
        ({}, 10_000, 8192),
        ({"rope_scaling": stretched}, None, 32_768),
        ({"max_position_embeddings": None}, None, None),
        ({"max_position_embeddings": None}, 100, 100),
        ({"text_config": {"max_position_embeddings": 2048}}, None, 2048),
    ):
        model = write_stand_in(tmp_path / "model", config=config)
        assert known_context(model, Hardware(max_model_len=wanted)) == context
        shutil.rmtree(model)


def test_end_of_turn_that_is_no_end_token_is_noted(tmp_path: Path) -> None:
    shutil.copytree(DEMO_MODEL, tmp_path / "model")
    tokenizer, dialect = HfTokenizer(tmp_path / "model"), load_dialect("cot", tmp_path / "model")
    end = tokenizer.encode("<|im_end|>")[0]
    assert tokenizer_notes(tokenizer, dialect) == []
    settings = tmp_path / "model" / "tokenizer_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"eos_token": "<|endoftext|>"}))
    for ends, noted in (([0, end], False), (end, False), ([0], True), (0, True)):
        (tmp_path / "model" / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
        notes = tokenizer_notes(HfTokenizer(tmp_path / "model"), dialect)
        assert len(notes) == noted
        assert all(f"<|im_end|> (id {end}), which is no end token" in note for note in notes)
    (tmp_path / "model" / "generation_config.json").unlink()  # Then config.json's counts.
    assert tokenizer_notes(HfTokenizer(tmp_path / "model"), dialect) == []


def test_judge_needs_a_chat_template(tmp_path: Path) -> None:
    model = write_stand_in(tmp_path / "model", template=None)
    judged = choose_options(model, preset="genselect-aimo2", hardware="cpu", overrides=Overrides(dialect="cot"))
    with pytest.raises(EngineLoadError, match="has no chat template"):
        require_fits(judged, load_dialect("cot", model), HfTokenizer(model))
    require_fits(
        replace(judged, preset=replace(judged.preset, genselect=None)), load_dialect("cot", model), HfTokenizer(model)
    )


def test_every_command_that_takes_a_model_takes_a_dialect() -> None:
    # A package's model is uploaded, and a kernel's is attached: neither is loaded by the command.
    without = {
        name
        for name, command in all_commands()
        if "model" in {one.name for one in command.params} and "dialect" not in {one.name for one in command.params}
    }
    assert {name for name in without if not name.startswith("package ")} == set()


def test_prompt_with_a_token_that_the_model_does_not_know_is_refused(tmp_path: Path) -> None:
    model = write_checkpoint(tmp_path / "model", "qwen2_5")
    size = HfTokenizer(model).size
    options, dialect = chosen(model), load_dialect("hermes", model)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"vocab_size": size}))
    assert max(require_fits(options, dialect, HfTokenizer(model))) < size
    (model / "config.json").write_text(json.dumps(config | {"vocab_size": 4}))
    with pytest.raises(InputError, match="the model knows 4 tokens"):
        require_fits(options, dialect, HfTokenizer(model))
