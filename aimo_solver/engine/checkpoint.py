"""Checks a checkpoint's files before an engine spends minutes loading them.

Guarantees: a folder that is missing, incomplete or truncated raises EngineLoadError with one
sentence that names the folder and the cure. Only the headers of weights are read, so a file of the
right size with wrong contents passes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

from aimo_solver.errors import EngineLoadError, InputError

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tekken.json", "vocab.json", "tiktoken.model")
_WEIGHT_ENDINGS = (".safetensors", ".bin", ".pt")
_CLASSIFIER_ENDING = "ForSequenceClassification"
_WEIGHT_INDEX = "model.safetensors.index.json"


def check_checkpoint(folder: Path) -> None:
    """Raises EngineLoadError if no engine can load the folder."""
    if not folder.is_dir():
        raise EngineLoadError(f"there is no folder {folder}; name the checkpoint's folder")
    names = set(os.listdir(folder))
    if "config.json" not in names:
        raise EngineLoadError(f"{folder} has no config.json; name the folder of a Hugging Face checkpoint")
    _read_object(folder / "config.json")
    if not names.intersection(_TOKENIZER_FILES):
        raise EngineLoadError(
            f"{folder} has no tokenizer (such as tokenizer.json); copy the model's tokenizer files into it"
        )
    if not any(name.endswith(_WEIGHT_ENDINGS) for name in names):
        raise EngineLoadError(f"{folder} has no weights (*.safetensors); copy them into it")
    if _WEIGHT_INDEX in names:
        _check_index(folder, names)
    for name in sorted(names):
        if name.endswith(".safetensors"):
            _check_safetensors(folder / name)


def check_one_label(folder: Path) -> None:
    """Raises EngineLoadError unless the checkpoint is a sequence classifier with one label, as a reward model is."""
    config = _read_object(folder / "config.json")
    names = config.get("architectures") or ["no architecture"]
    if not str(names[0]).endswith(_CLASSIFIER_ENDING):
        raise EngineLoadError(
            f"{folder} holds no sequence classifier ({names[0]}); name a reward model such as a PPM, "
            f"a checkpoint whose class ends with {_CLASSIFIER_ENDING}"
        )
    # transformers writes only the labels' names, and omits even those if there are two.
    labels = config.get("num_labels", len(config.get("id2label") or (0, 1)))
    if labels != 1:
        raise EngineLoadError(f"{folder} has {labels} labels per text; name a classifier with one label, the score")


def check_same_vocabulary(model: Path, scorer: Path) -> None:
    """Raises InputError if a scorer would read other tokens than the model writes.

    Compares the tokens and their ids in the two tokenizer.json; other kinds of tokenizers are not compared.
    Raises EngineLoadError if one of the files is damaged.
    """
    theirs, ours = _vocabulary(model), _vocabulary(scorer)
    if theirs is None or ours is None or theirs == ours:
        return
    differing = sum(ours.get(token) != token_id for token, token_id in theirs.items()) + len(ours.keys() - theirs)
    raise InputError(
        f"the scorer {scorer} must have the vocabulary of {model}, got one that differs in {differing} tokens "
        f"({len(ours)} against {len(theirs)}); name a scorer trained from a model of that family"
    )


def _vocabulary(folder: Path) -> dict[str, int] | None:
    """Returns each token's id; None without a tokenizer.json."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    tokenizer = _read_object(path)
    try:
        vocabulary: Any = tokenizer["model"]["vocab"]
        if isinstance(vocabulary, dict):
            ids = cast("dict[str, int]", vocabulary)
        else:  # Unigram: pairs of token and log-probability, in the order of the ids.
            ids = {token: token_id for token_id, (token, _) in enumerate(vocabulary)}
        return ids | {token["content"]: token["id"] for token in tokenizer.get("added_tokens") or ()}
    except (KeyError, TypeError, ValueError) as error:
        raise EngineLoadError(f"{path} has no vocabulary ({error!r}); copy it again") from error


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EngineLoadError(f"{path} is damaged ({error}); copy it again") from error
    if not isinstance(value, dict):
        raise EngineLoadError(f"{path} is not a JSON object; copy it again")
    return cast("dict[str, Any]", value)


def _check_index(folder: Path, names: set[str]) -> None:
    try:
        shards = set(json.loads((folder / _WEIGHT_INDEX).read_text())["weight_map"].values())
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise EngineLoadError(f"{folder}/{_WEIGHT_INDEX} is damaged; copy it again") from error
    if missing := sorted(shards - names):
        raise EngineLoadError(
            f"{folder} lacks {len(missing)} of {len(shards)} weight files, such as {missing[0]}; copy them into it"
        )


def _check_safetensors(path: Path) -> None:
    """Raises EngineLoadError if the file is shorter than its header says."""
    size_bytes = path.stat().st_size
    try:
        with path.open("rb") as file:
            header_bytes = int.from_bytes(file.read(8), "little")
            if header_bytes > size_bytes:
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(header_bytes))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise EngineLoadError(f"{path} is damaged or not a safetensors file; copy it again") from error
    expected_bytes = 8 + header_bytes + max(ends, default=0)
    if size_bytes < expected_bytes:
        raise EngineLoadError(f"{path} is truncated ({size_bytes:,} of {expected_bytes:,} bytes); copy it again")
