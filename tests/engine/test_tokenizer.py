"""A checkpoint's text is split into tokens as its own tokenizer.json says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("transformers")

from transformers import AutoTokenizer

from aimo_solver.engine.tokenizer import HfTokenizer
from demo_model.tokenizer import train_tokenizer

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
