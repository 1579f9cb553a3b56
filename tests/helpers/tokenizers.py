"""Tokenizer folders as people bring them: labelled with another class, with a start token, without a template."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def relabel_tokenizer(folder: Path, class_name: str) -> None:
    """Makes the folder's tokenizer_config.json name another class; its tokenizer.json stays as it is."""
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(config | {"tokenizer_class": class_name}), encoding="utf-8")


def copy_tokenizer(checkpoint: Path, folder: Path) -> None:
    """Copies what a tokenizer is read from."""
    folder.mkdir(exist_ok=True)
    for name in FILES:
        shutil.copyfile(checkpoint / name, folder / name)


def add_start_token(folder: Path, token: str, *, end: str = "") -> None:
    """Makes the tokenizer begin every text with a token of its vocabulary, as Llama's do, and end it with `end`."""
    path = folder / "tokenizer.json"
    tokenizer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    ids = {added["content"]: added["id"] for added in tokenizer["added_tokens"]}
    pieces = [_special(token), {"Sequence": {"id": "A", "type_id": 0}}] + ([_special(end)] if end else [])
    tokenizer["post_processor"] = {
        "type": "TemplateProcessing",
        "single": pieces,
        "pair": [*pieces, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {one: {"id": one, "ids": [ids[one]], "tokens": [one]} for one in (token, end) if one},
    }
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    config_path = folder / "tokenizer_config.json"
    config = json.loads(config_path.read_text(encoding="utf-8"))
    config_path.write_text(json.dumps(config | {"bos_token": token}), encoding="utf-8")


def _special(token: str) -> dict[str, Any]:
    return {"SpecialToken": {"id": token, "type_id": 0}}
