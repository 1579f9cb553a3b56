"""Folders of other kinds than a whole Hugging Face checkpoint: each is refused by name, with its cure."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from aimo_solver.engine.checkpoint import check_checkpoint, check_writes_text
from aimo_solver.engine.weight_files import weight_bytes
from aimo_solver.errors import EngineLoadError
from tests.helpers.stand_ins import write_raw_tensors, write_stand_in, write_tensors

Change = Callable[[Path], object]
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"


def refusal(folder: Path, change: Change) -> str:
    """Returns what a whole checkpoint, changed, is refused with."""
    write_stand_in(folder)
    change(folder)
    with pytest.raises(EngineLoadError) as caught:
        check_checkpoint(folder)
    text = str(caught.value)
    assert str(folder) in text and ";" in text and "\n" not in text
    return text


def test_a_whole_checkpoint_passes(tmp_path: Path) -> None:
    check_checkpoint(write_stand_in(tmp_path / "model"))


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors", "config.json"])
def test_a_git_lfs_pointer_is_not_the_file(tmp_path: Path, name: str) -> None:
    assert f"{name} is a git-LFS pointer" in refusal(tmp_path / "m", lambda f: (f / name).write_text(POINTER))


def test_a_link_to_a_file_that_is_gone_is_named_with_its_target(tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors").symlink_to("../blobs/gone")

    assert "broken link (to ../blobs/gone); copy" in refusal(tmp_path / "m", change)


def test_links_to_files_that_are_there_pass(tmp_path: Path) -> None:
    blobs = write_stand_in(tmp_path / "blobs")
    (tmp_path / "snapshot").mkdir()
    for path in blobs.iterdir():
        (tmp_path / "snapshot" / path.name).symlink_to(path)
    check_checkpoint(tmp_path / "snapshot")


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "config.json"])
@pytest.mark.parametrize("content", ["", '{"half": ', "<html>Not found</html>", "[1]", "\ufeff{}", "[" * 100_000])
def test_a_cut_or_foreign_json_file_is_named(tmp_path: Path, name: str, content: str) -> None:
    assert name in refusal(tmp_path / "m", lambda f: (f / name).write_text(content))


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        (folder / "tokenizer_config.json").unlink()
        (folder / "tokenizer_config.json").mkdir()

    assert "tokenizer_config.json cannot be read" in refusal(tmp_path / "m", change)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    assert "model.safetensors cannot be read (Permission denied); allow" in refusal(
        tmp_path / "m", lambda f: (f / "model.safetensors").chmod(0)
    )


def test_an_adapter_is_no_model(tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
        (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "some/base"}')

    assert "holds a LoRA adapter, not a model; merge it into some/base" in refusal(tmp_path / "m", change)


def test_an_adapter_beside_a_whole_model_passes(tmp_path: Path) -> None:
    folder = write_stand_in(tmp_path / "model")
    (folder / "adapter_config.json").write_text("{}")
    check_checkpoint(folder)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("model.layers.0.self_attn.q_proj.lora_A.weight", "a LoRA adapter that is not merged"),
        ("base_model.model.model.embed_tokens.weight", "begins with 'base_model.model.'"),
        ("_orig_mod.model.embed_tokens.weight", "begins with '_orig_mod.'"),
        ("module.model.embed_tokens.weight", "begins with 'module.'"),
    ],
)
def test_a_model_saved_inside_a_wrapper_is_recognised_by_its_tensors_names(
    tmp_path: Path, name: str, word: str
) -> None:
    assert word in refusal(tmp_path / "m", lambda f: write_tensors(f / "model.safetensors", {name: ("BF16", (2,))}))


@pytest.mark.parametrize(
    ("name", "word"),
    [("model-Q4_K_M.gguf", "only GGUF files"), ("tf_model.h5", "only TensorFlow weights"),
     ("flax_model.msgpack", "only Flax weights"), ("model.onnx", "only an ONNX graph"),
     ("optimizer.pt", "only training state such as optimizer.pt"), ("training_args.bin", "only training state"),
     (".metadata", "sharded training state"), ("zero_to_fp32.py", "DeepSpeed's training state")],
)  # fmt: skip
def test_weights_of_another_kind_are_named(tmp_path: Path, name: str, word: str) -> None:
    assert word in refusal(tmp_path / "m", lambda f: (f / "model.safetensors").rename(f / name))


@pytest.mark.parametrize(
    ("name", "word"),
    [("model.gguf", "only GGUF files"), ("params.json", "its maker's own layout"), ("model_index.json", "diffusion")],
)
def test_a_folder_without_a_config_is_named_by_what_it_holds(tmp_path: Path, name: str, word: str) -> None:
    assert word in refusal(tmp_path / "m", lambda f: (f / "config.json").rename(f / name))


def test_the_folder_inside_that_holds_the_checkpoint_is_named(tmp_path: Path) -> None:
    inside = write_stand_in(tmp_path / "models--me--mine" / "snapshots" / "0a1b")
    with pytest.raises(EngineLoadError, match=f"name the folder inside that has one, {inside}"):
        check_checkpoint(tmp_path / "models--me--mine")


def test_a_file_in_place_of_a_folder_is_refused_with_its_folder(tmp_path: Path) -> None:
    folder = write_stand_in(tmp_path / "model")
    with pytest.raises(EngineLoadError, match=f"is a file; name the checkpoint's folder, {folder}"):
        check_checkpoint(folder / "model.safetensors")


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
def test_a_missing_shard_is_found_by_the_index(tmp_path: Path, ending: str) -> None:
    stem = "model" if ending == "safetensors" else "pytorch_model"

    def change(folder: Path) -> None:
        (folder / "model.safetensors").rename(folder / f"{stem}-1.{ending}")
        names = {"a": f"{stem}-1.{ending}", "b": f"{stem}-2.{ending}"}
        (folder / f"{stem}.{ending}.index.json").write_text(json.dumps({"weight_map": names}))

    assert f"such as the missing shard {stem}-2.{ending}" in refusal(tmp_path / "m", change)


def test_a_missing_shard_is_found_by_the_numbers_where_there_is_no_index(tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        (folder / "model.safetensors").rename(folder / "model-00001-of-00003.safetensors")

    text = refusal(tmp_path / "m", change)
    assert "lacks 2 of 3 weight files, such as the missing shard model-00002-of-00003.safetensors" in text


def test_an_index_left_from_before_a_merge_is_to_be_deleted(tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    assert "delete it if model.safetensors holds all weights" in refusal(tmp_path / "m", change)


def test_an_index_that_names_a_tensor_its_file_lacks_is_refused(tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        index = {"weight_map": {"lm_head.weight": "model.safetensors"}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    assert "names lm_head.weight in model.safetensors, which lacks it" in refusal(tmp_path / "m", change)


def test_an_index_of_a_format_that_was_deleted_does_not_matter(tmp_path: Path) -> None:
    folder = write_stand_in(tmp_path / "model")
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": {"a": "gone.bin"}}))
    check_checkpoint(folder)


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ({"dtype": "Q4_0", "shape": [2], "data_offsets": [0, 2]}, "unknown dtype 'Q4_0'"),
        ({"dtype": "BF16", "shape": [2], "data_offsets": [0, 2]}, "does not fit its 2 bytes"),
        ({"dtype": "BF16", "shape": [10**12], "data_offsets": [0, 2]}, "does not fit its 2 bytes"),
        ({"dtype": "BF16", "shape": [-1], "data_offsets": [2, 0]}, "damaged"),
        ({"shape": [1]}, "damaged"),
        (3, "damaged"),
    ],
)
def test_a_tensor_that_contradicts_itself_is_refused(tmp_path: Path, entry: object, word: str) -> None:
    text = refusal(tmp_path / "m", lambda f: write_raw_tensors(f / "model.safetensors", {"w": entry}, 2))
    assert word in text and "model.safetensors" in text


def test_a_file_without_tensors_is_refused(tmp_path: Path) -> None:
    assert "holds no tensors" in refusal(tmp_path / "m", lambda f: write_raw_tensors(f / "model.safetensors", {}, 0))


@pytest.mark.parametrize(("content", "word"), [(b"PK\x03\x04" + bytes(99), "truncated"), (b"<html>", "damaged")])
def test_a_cut_torch_file_is_refused(tmp_path: Path, content: bytes, word: str) -> None:
    def change(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "pytorch_model.bin").write_bytes(content)

    assert word in refusal(tmp_path / "m", change)


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("quantization", {"group_size": 64, "bits": 4}, "names no quantisation method"),
        ("quantization_config", {"bits": 4}, "names no quantisation method"),
        ("quantization_config", "fp8", "is not an object"),
    ],
)
def test_a_quantisation_that_is_not_named_is_refused(tmp_path: Path, key: str, value: object, word: str) -> None:
    assert word in refusal(tmp_path / "m", lambda f: write_stand_in(f, config={key: value}))


@pytest.mark.parametrize(
    ("key", "value"),
    [("num_attention_heads", 0), ("hidden_size", -8), ("vocab_size", 10**12), ("num_hidden_layers", "four"),
     ("num_key_value_heads", 3), ("max_position_embeddings", True), ("head_dim", 2.5)],
)  # fmt: skip
def test_sizes_that_no_model_has_are_refused(tmp_path: Path, key: str, value: object) -> None:
    text = refusal(tmp_path / "m", lambda f: write_stand_in(f, config={key: value}))
    assert f"{key}" in text and "config.json" in text


def test_the_sizes_of_a_model_that_sees_are_those_of_its_text(tmp_path: Path) -> None:
    text = {"hidden_size": 0}
    assert "hidden_size" in refusal(tmp_path / "m", lambda f: write_stand_in(f, config={"text_config": text}))


@pytest.mark.parametrize("name", ["Qwen2ForSequenceClassification", "BertForMaskedLM", "Qwen2ForProcessRewardModel"])
def test_a_model_that_scores_does_not_write(tmp_path: Path, name: str) -> None:
    folder = write_stand_in(tmp_path / "model", config={"architectures": [name]})
    check_checkpoint(folder)  # A scorer's folder is whole.
    with pytest.raises(EngineLoadError, match=f"scores texts and does not write them \\({name}\\)"):
        check_writes_text(folder)


def test_only_the_files_of_one_format_count_as_weights(tmp_path: Path) -> None:
    folder = write_stand_in(tmp_path / "model")
    size = (folder / "model.safetensors").stat().st_size
    for name in ("consolidated.safetensors", "pytorch_model.bin", "adapter_model.safetensors", "training_args.bin"):
        shutil.copy(folder / "model.safetensors", folder / name)
    assert weight_bytes(folder) == size
