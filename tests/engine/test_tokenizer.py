"""A checkpoint's text is split into tokens as its own tokenizer.json says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from transformers import AutoTokenizer

from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.errors import EngineLoadError
from aimo_solver.utils.paths import DEMO_MODEL
from demo_model.tokenizer import train_tokenizer
from tests.helpers.tokenizers import add_start_token, copy_tokenizer, relabel_tokenizer

TEXT = "Sum the integer quotients 3 k // 5 for k up"


@pytest.fixture
def qwen2_folder(tmp_path: Path) -> Path:
    """Makes a checkpoint of a type for which transformers has its own rules, with other rules in tokenizer.json."""
    train_tokenizer([TEXT] * 3, 320).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}))
    return tmp_path


def test_tokenizer_json_rules_and_not_the_model_type(qwen2_folder: Path) -> None:
    ours = HfTokenizer(qwen2_folder)
    assert len(ours.encode(TEXT)) < len(AutoTokenizer.from_pretrained(qwen2_folder).encode(TEXT))
    assert ours.decode(ours.encode(TEXT)) == TEXT


def test_the_chat_template_is_the_one_in_the_folder(qwen2_folder: Path) -> None:
    ours = HfTokenizer(qwen2_folder)
    asked = ours.decode(ours.encode_chat([{"role": "user", "content": "3 + 4?"}]))
    assert asked == "<|im_start|>user\n3 + 4?<|im_end|>\n<|im_start|>assistant\n"


def test_label_that_reads_other_tokens_is_reported_and_not_followed(tmp_path: Path) -> None:
    copy_tokenizer(DEMO_MODEL, tmp_path)
    ours = HfTokenizer(tmp_path)
    assert ours.label_fault() is None
    relabel_tokenizer(tmp_path, "LlamaTokenizerFast")
    labelled = HfTokenizer(tmp_path)
    assert "reads other tokens" in (labelled.label_fault() or "")
    assert labelled.decode(labelled.encode(TEXT)) == TEXT


def test_text_that_begins_a_prompt_gets_the_start_token_once(tmp_path: Path) -> None:
    copy_tokenizer(DEMO_MODEL, tmp_path)
    plain = HfTokenizer(tmp_path)
    assert plain.encode_start(TEXT) == plain.encode(TEXT)
    add_start_token(tmp_path, "<|endoftext|>")
    begun = HfTokenizer(tmp_path)
    assert begun.decode(begun.encode_start(TEXT)) == f"<|endoftext|>{TEXT}"
    assert begun.encode(TEXT) == plain.encode(TEXT)


def test_end_token_that_a_tokenizer_adds_is_not_part_of_a_prompt(tmp_path: Path) -> None:
    copy_tokenizer(DEMO_MODEL, tmp_path)
    add_start_token(tmp_path, "<|endoftext|>", end="<|im_end|>")
    begun = HfTokenizer(tmp_path)
    assert begun.decode(begun.encode_start(TEXT)) == f"<|endoftext|>{TEXT}"


def test_chat_prompt_is_what_the_template_writes_and_no_more(tmp_path: Path) -> None:
    """A template that writes the start token does not get a second, and one that does not write it gets none."""
    copy_tokenizer(DEMO_MODEL, tmp_path)
    add_start_token(tmp_path, "<|endoftext|>")
    messages = [{"role": "user", "content": "3 + 4?"}]
    template = (tmp_path / "chat_template.jinja").read_text()
    for beginning in ("", "{{ bos_token }}"):
        (tmp_path / "chat_template.jinja").write_text(beginning + template)
        ours = HfTokenizer(tmp_path)
        asked = ours.encode_chat(messages)
        reader: Any = AutoTokenizer.from_pretrained(tmp_path)
        assert asked == reader.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        assert ours.decode(asked).count("<|endoftext|>") == len(beginning[:1])


def test_base_model_has_no_chat_template(tmp_path: Path) -> None:
    copy_tokenizer(DEMO_MODEL, tmp_path)
    assert HfTokenizer(tmp_path).has_chat_template
    (tmp_path / "chat_template.jinja").unlink()
    assert not HfTokenizer(tmp_path).has_chat_template


def test_token_that_ends_a_turn_but_not_generation_is_reported(tmp_path: Path) -> None:
    copy_tokenizer(DEMO_MODEL, tmp_path)
    written = (tmp_path / "chat_template.jinja").read_text()
    assert HfTokenizer(tmp_path).end_fault() is None
    (tmp_path / "chat_template.jinja").write_text(written.replace("<|im_end|>", "<|im_start|>"))
    assert "ends a turn with <|im_start|>" in (HfTokenizer(tmp_path).end_fault() or "")


def test_template_that_leaves_out_what_assistants_say_has_no_end_to_report(tmp_path: Path) -> None:
    copy_tokenizer(DEMO_MODEL, tmp_path)
    (tmp_path / "chat_template.jinja").write_text("<|im_start|>user\n{{ messages[0].content }}<|im_start|>assistant\n")
    assert HfTokenizer(tmp_path).end_fault() is None


@pytest.mark.parametrize("kept", ["tokenizer.json", "tokenizer_config.json"])
def test_code_that_a_checkpoint_brings_is_neither_run_nor_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    copy_tokenizer(DEMO_MODEL, tmp_path)
    own = {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", "own.Own"]}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(own))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}))
    (tmp_path / "own.py").write_text("raise SystemExit('it ran')")
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda question="": asked.append(question) or "n")
    if kept == "tokenizer.json":
        assert HfTokenizer(tmp_path).label_fault() is None
    else:
        (tmp_path / "tokenizer.json").unlink()
        with pytest.raises(EngineLoadError, match="no readable tokenizer"):
            HfTokenizer(tmp_path)
    assert asked == []


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineLoadError, match="no such folder; name the folder of a checkpoint"):
        HfTokenizer(tmp_path / "none")
