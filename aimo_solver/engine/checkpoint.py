"""Checks a checkpoint's files before an engine spends minutes loading them.

Guarantees: a folder that is missing, incomplete, truncated or of another kind (an adapter, GGUF, training
state, ...) raises EngineLoadError with one sentence that names the folder and the cure. Of weights only the
headers are read, so a file of the right size with wrong contents passes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from aimo_solver.engine.weight_files import WEIGHT_ENDINGS, check_weights, weight_files
from aimo_solver.errors import EngineLoadError, InputError

_TOKENIZER_FILES: Final = ("tokenizer.json", "tokenizer.model", "tekken.json", "vocab.json", "tiktoken.model")
_JSON_FILES: Final = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "tekken.json", "quantize_config.json", "quant_config.json",
)  # fmt: skip
_READ_ENDINGS: Final = (*WEIGHT_ENDINGS, ".json", ".jinja", ".model", ".txt", ".tiktoken")
_POINTER: Final = b"version https://git-lfs"
_CLASSIFIER_ENDING: Final = "ForSequenceClassification"
_NOT_WRITERS: Final = (_CLASSIFIER_ENDING, "ForTokenClassification", "ForMaskedLM", "RewardModel")
_SIZES: Final = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size", "head_dim",
    "max_position_embeddings",
)  # fmt: skip
_MAX_SIZE: Final = 100_000_000
_ADAPTER_CONFIG: Final = "adapter_config.json"
_OTHER_KINDS: Final[Mapping[str, str]] = {
    "model_index.json": "a diffusion pipeline; name a language model's folder",
    "params.json": "a model in its maker's own layout; take its Hugging Face form, which has a config.json",
    "zero_to_fp32.py": "DeepSpeed's training state; run its zero_to_fp32.py, and name the folder that it writes",
    ".metadata": "sharded training state; merge it (torch's dcp_to_torch_save, or accelerate merge-weights)",
}
"""Files that only folders of other kinds have: what these hold, with the cure."""
_OTHER_WEIGHTS: Final[Mapping[str, str]] = {
    ".gguf": "GGUF files", ".h5": "TensorFlow weights", ".msgpack": "Flax weights", ".onnx": "an ONNX graph",
    ".npz": "NumPy arrays", ".engine": "a TensorRT engine", ".pth": "a bare torch file", ".ckpt": "a training state",
}  # fmt: skip


def check_checkpoint(folder: Path) -> None:
    """Raises EngineLoadError if no engine can load the folder."""
    names = _list(folder)
    _check_files(folder, names)
    if _ADAPTER_CONFIG in names and not weight_files(names):
        base = _read_object(folder / _ADAPTER_CONFIG).get("base_model_name_or_path") or "its base"
        raise EngineLoadError(
            f"{folder} holds a LoRA adapter, not a model; merge it into {base} (PEFT's merge_and_unload) "
            "and name the merged model's folder"
        )
    if "config.json" not in names:
        raise EngineLoadError(_without_config(folder, names))
    for name in _JSON_FILES:
        if name in names:
            _read_object(folder / name)
    if not names.intersection(_TOKENIZER_FILES):
        raise EngineLoadError(
            f"{folder} has no tokenizer (such as tokenizer.json); copy the model's tokenizer files into it"
        )
    if not weight_files(names):
        raise EngineLoadError(_without_weights(folder, names))
    check_weights(folder, names)
    _check_sizes(folder)
    _check_quantisation(folder)


def _list(folder: Path) -> set[str]:
    if folder.is_file():
        raise EngineLoadError(f"{folder} is a file; name the checkpoint's folder, {folder.parent}")
    if not folder.is_dir():
        raise EngineLoadError(f"there is no folder {folder}; name the checkpoint's folder")
    try:
        return set(os.listdir(folder))
    except OSError as error:
        raise EngineLoadError(f"{folder} cannot be read ({error.strerror}); allow it (chmod)") from error


def _check_files(folder: Path, names: set[str]) -> None:
    """Finds links that lead nowhere, pointers in place of files, and files that may not be read."""
    for name in sorted(name for name in names if name.endswith(_READ_ENDINGS)):
        path = folder / name
        if path.is_symlink() and not path.exists():
            raise EngineLoadError(
                f"{path} is a broken link (to {os.readlink(path)}); copy the files themselves (cp -rL)"
            )
        try:
            with path.open("rb") as file:
                start = file.read(len(_POINTER))
        except OSError as error:
            raise EngineLoadError(f"{path} cannot be read ({error.strerror}); allow it, or copy it again") from error
        if start == _POINTER:
            raise EngineLoadError(
                f"{path} is a git-LFS pointer, not the file itself; run `git lfs pull` there, or download it again"
            )


def _without_config(folder: Path, names: set[str]) -> str:
    for name, kind in _OTHER_KINDS.items():
        if name in names:
            return f"{folder} has no config.json but holds {kind}"
    inside = sorted(path.parent for pattern in ("*/config.json", "*/*/config.json") for path in folder.glob(pattern))
    if inside:
        return f"{folder} has no config.json; name the folder inside that has one, {inside[0]}"
    return (
        f"{folder} has no config.json{_other_weights(names)}; name the folder of a Hugging Face checkpoint "
        "(config.json, tokenizer, *.safetensors)"
    )


def _without_weights(folder: Path, names: set[str]) -> str:
    for name, kind in _OTHER_KINDS.items():
        if name in names:
            return f"{folder} has no weights (*.safetensors) but holds {kind}"
    training = [name for name in names if name.endswith(WEIGHT_ENDINGS)]
    only = f", only training state such as {min(training)}" if training else _other_weights(names)
    return f"{folder} has no weights (*.safetensors){only}; copy the model's into it"


def _other_weights(names: set[str]) -> str:
    for ending, kind in _OTHER_WEIGHTS.items():
        if found := [name for name in names if name.endswith(ending)]:
            return f", only {kind} ({min(found)}), which are not loaded here"
    return ""


def _check_sizes(folder: Path) -> None:
    """Refuses sizes that no model has. vLLM takes them, and fails once it makes layers."""
    config = _read_object(folder / "config.json")
    text: object = config.get("text_config")
    sizes = cast("dict[str, object]", text) if isinstance(text, dict) else config
    for name in _SIZES:
        value = sizes.get(name)
        if value is None or isinstance(value, list):  # A list has a size per layer.
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _MAX_SIZE:
            raise EngineLoadError(
                f"{folder}/config.json: {name} must be a number from 1 to {_MAX_SIZE:,}, got {value!r}; "
                "copy the model's own config.json"
            )
    heads, shared = sizes.get("num_attention_heads"), sizes.get("num_key_value_heads")
    if isinstance(heads, int) and isinstance(shared, int) and heads % shared:
        raise EngineLoadError(
            f"{folder}/config.json: num_attention_heads must be a multiple of num_key_value_heads, {shared}, "
            f"got {heads}; copy the model's own config.json"
        )


def _check_quantisation(folder: Path) -> None:
    """Refuses a quantisation whose config does not say of which kind it is."""
    config = _read_object(folder / "config.json")
    settings: object = config.get("quantization_config", config.get("quantization"))
    if settings is None:
        return
    if not isinstance(settings, dict):
        raise EngineLoadError(f"{folder}/config.json: quantization_config is not an object; copy it again")
    named = cast("dict[str, object]", settings)
    # NVIDIA's ModelOpt names its algorithm in a table inside.
    if not named.get("quant_method") and not isinstance(named.get("quantization"), dict):
        raise EngineLoadError(
            f"{folder}/config.json: quantization_config names no quantisation method (quant_method), as MLX writes it; "
            "use a GPTQ, AWQ, FP8 or unquantised form of the model"
        )


def check_writes_text(folder: Path) -> None:
    """Raises EngineLoadError for a checkpoint whose class gives scores or labels instead of text."""
    name = str((_read_object(folder / "config.json").get("architectures") or [""])[0])
    if name.endswith(_NOT_WRITERS):
        raise EngineLoadError(
            f"{folder} holds a model that scores texts and does not write them ({name}); name a language model "
            "(its class ends with ForCausalLM), and a reward model as a search's scorer"
        )


def own_context(folder: Path) -> int | None:
    """Returns the context that config.json states, stretched as its rope settings say; None where it states none.

    vLLM knows more kinds of them, and its word holds once the model has loaded.
    """
    config = _text_config(folder)
    tokens: object = config.get("max_position_embeddings")
    rope: object = config.get("rope_parameters") or config.get("rope_scaling")
    factor: object = cast("dict[str, object]", rope).get("factor") if isinstance(rope, dict) else None
    if not isinstance(tokens, int):
        return None
    return int(tokens * max(1.0, factor)) if isinstance(factor, int | float) else tokens


def vocabulary_size(folder: Path) -> int | None:
    """Returns how many tokens the model knows by config.json; None where it does not say."""
    size: object = _text_config(folder).get("vocab_size")
    return size if isinstance(size, int) else None


def end_token_ids(folder: Path) -> frozenset[int]:
    """Returns the ids that end a turn: generation_config.json's, or config.json's where there is none, as in vLLM."""
    path = folder / "generation_config.json"
    stored: object = (_read_object(path) if path.is_file() else _text_config(folder)).get("eos_token_id")
    ids = cast("list[object]", stored) if isinstance(stored, list) else [stored]
    return frozenset(token_id for token_id in ids if isinstance(token_id, int))


def advised_sampling(folder: Path) -> dict[str, float]:
    """Returns what generation_config.json advises for sampling, by vLLM's names. Runs draw as their preset says."""
    path = folder / "generation_config.json"
    stored = _read_object(path) if path.is_file() else {}
    found = {name: stored.get(name) for name in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")}
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def _text_config(folder: Path) -> dict[str, Any]:
    """Returns config.json; of a model that sees its part for text, over the whole."""
    config = _read_object(folder / "config.json")
    text: object = config.get("text_config")
    return config | cast("dict[str, Any]", text) if isinstance(text, dict) else config


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
    except OSError as error:
        raise EngineLoadError(f"{path} cannot be read ({error.strerror}); allow it, or copy it again") from error
    except (ValueError, RecursionError) as error:
        raise EngineLoadError(f"{path} is damaged ({error}); copy it again") from error
    if not isinstance(value, dict):
        raise EngineLoadError(f"{path} is not a JSON object; copy it again")
    return cast("dict[str, Any]", value)
