"""Merging checkpoints: exact sums, bounded memory, and refusals before anything is written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from aimo_solver.cli import main as cli
from aimo_solver.errors import AimoError, InputError
from quantize import merge as merging
from quantize.checkpoint import TensorInfo, new_folder, read_checkpoint, write_shard
from quantize.merge import Parent, merge
from tests.helpers.checkpoints import CONFIG, TOKENIZER_JSON, write_checkpoint

MERGE = ("quantize", "merge")


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor for path in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(path).items()}


@settings(max_examples=20, deadline=None)
@given(st.floats(-1, 2), st.integers(1, 3))
def test_a_merge_is_the_sum_in_float32(tmp_path_factory: pytest.TempPathFactory, weight: float, shards: int) -> None:
    place = tmp_path_factory.mktemp("merge")
    one, two = write_checkpoint(place / "one", 1, shards=shards), write_checkpoint(place / "two", 2, shards=shards)
    merge([Parent(one, weight), Parent(two, 1 - weight)], place / "out")
    first, second, out = map(tensors_of, (one, two, place / "out"))
    for name, tensor in out.items():
        wanted = (first[name].float() * weight + second[name].float() * (1 - weight)).bfloat16()
        assert tensor.dtype == torch.bfloat16 and torch.equal(tensor, wanted)
    assert out.keys() == first.keys()


def test_a_weight_of_1_gives_that_parent(tmp_path: Path) -> None:
    one, two = write_checkpoint(tmp_path / "one", 1), write_checkpoint(tmp_path / "two", 2)
    merge([Parent(one, 1.0), Parent(two, 0.0)], tmp_path / "out")
    merged, parent = tensors_of(tmp_path / "out"), tensors_of(one)
    assert all(torch.equal(merged[name], parent[name]) for name in parent)


def test_config_and_template_are_the_last_parents_and_the_recipe_is_recorded(tmp_path: Path) -> None:
    parents = [Parent(write_checkpoint(tmp_path / "one", 1), 0.3), Parent(write_checkpoint(tmp_path / "two", 2), 0.7)]
    merge(parents, tmp_path / "out")
    assert (tmp_path / "out/chat_template.jinja").read_text() == "template 2"
    recipe = json.loads((tmp_path / "out/merge.json").read_text())
    assert [parent["weight"] for parent in recipe["parents"]] == [0.3, 0.7]


def test_parents_may_be_sharded_differently(tmp_path: Path) -> None:
    one, two = write_checkpoint(tmp_path / "one", 1, shards=2), write_checkpoint(tmp_path / "two", 2, shards=2)
    tensors = tensors_of(two)
    for path in two.glob("model*"):
        path.unlink()
    save_file(tensors, two / "model.safetensors", metadata={"format": "pt"})
    merge([Parent(one, 0.5), Parent(two, 0.5)], tmp_path / "out")
    assert read_checkpoint(tmp_path / "out").shards.keys() == read_checkpoint(one).shards.keys()
    index = json.loads((tmp_path / "out/model.safetensors.index.json").read_text())
    assert index["weight_map"]["layer.1.a"] == "model-00002-of-00002.safetensors"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "architecture": ({"config": CONFIG | {"architectures": ["Qwen2ForCausalLM"]}}, "differ in architectures"),
    "size": ({"config": CONFIG | {"hidden_size": 16}}, "differ in hidden_size: 8 and 16"),
    "shape": ({"rows": 5}, r"has shapes \(4, 8\) and \(5, 8\)"),
    "tensors": ({"shards": 2}, "'layer.1.a' is in only one of them"),
    "tokenizer": ({"tokenizer": TOKENIZER_JSON | {"model": {"vocab": {"b": 0, "a": 1}}}}, "have different tokenizers"),
    "vocabulary": (
        {"tokenizer": TOKENIZER_JSON | {"model": {"vocab": {"z": 9}}}},
        "has the id 9, but the model has only 4 tokens",
    ),
    "quantised": (
        {"config": CONFIG | {"quantization_config": {"quant_method": "gptq"}}},
        "is quantised; merge first, then quantise",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_checkpoints_that_differ_are_refused(tmp_path: Path, wrong: str) -> None:
    changes, message = WRONG[wrong]
    parents = [
        Parent(write_checkpoint(tmp_path / "one", 1), 0.5),
        Parent(write_checkpoint(tmp_path / "two", 2, **changes), 0.5),
    ]
    with pytest.raises(InputError, match=message):
        merge(parents, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((0.3, 0.6), "must add up to 1 .*, got 0.9"),
        ((1.0,), "at least 2 checkpoints"),
        ((float("nan"), 1.0), "must be finite"),
    ],
)
def test_weights_that_do_not_add_up_to_1_are_refused(tmp_path: Path, weights: tuple[float, ...], message: str) -> None:
    folder = write_checkpoint(tmp_path / "one", 1)
    with pytest.raises(InputError, match=message):
        merge([Parent(folder, weight) for weight in weights], tmp_path / "out")


def test_a_checkpoint_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    one, two = write_checkpoint(tmp_path / "one", 1), write_checkpoint(tmp_path / "two", 2)
    (two / "tokenizer.json").unlink()
    with pytest.raises(AimoError, match="has no tokenizer"):
        merge([Parent(one, 0.5), Parent(two, 0.5)], tmp_path / "out")


def test_an_existing_folder_is_never_overwritten(tmp_path: Path) -> None:
    parents = [Parent(write_checkpoint(tmp_path / "one", 1), 0.5), Parent(write_checkpoint(tmp_path / "two", 2), 0.5)]
    with pytest.raises(InputError, match="already exists; name another folder, or remove it"):
        merge(parents, tmp_path / "one")


def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parents = [Parent(write_checkpoint(tmp_path / name, 1, shards=3), 0.5) for name in ("one", "two")]
    written: list[Path] = []

    def fill_up(path: Path, tensors: Mapping[str, TensorInfo], contents: Iterable[bytes]) -> None:
        if written:
            raise OSError(28, "No space left on device")
        written.append(path)
        write_shard(path, tensors, contents)

    monkeypatch.setattr(merging, "write_shard", fill_up)
    with pytest.raises(InputError, match="cannot be written: No space left on device; nothing was kept"):
        merge(parents, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial/half").touch()
    with new_folder(tmp_path / "out") as building:
        assert list(building.iterdir()) == []
    assert (tmp_path / "out").is_dir()


def test_the_command_merges_and_reports_the_size(tmp_path: Path) -> None:
    one, two = write_checkpoint(tmp_path / "one", 1), write_checkpoint(tmp_path / "two", 2)
    ran = CliRunner().invoke(cli.app, [*MERGE, f"{one}=0.3", f"{two}=0.7", "--out", str(tmp_path / "out")])
    assert ran.exit_code == 0 and "2 tensors" in ran.output
    ran = CliRunner().invoke(cli.app, [*MERGE, str(one), "--out", str(tmp_path / "other")])
    assert ran.exit_code == 1
    ran = CliRunner().invoke(cli.app, [*MERGE, "--help"])
    assert "Example: aimo quantize merge" in ran.output


PEAK = """
import sys, threading, time
from pathlib import Path
import torch, safetensors.torch
from quantize.merge import Parent, merge
from tests.helpers.checkpoints import CONFIG, TOKENIZER_JSON, write_checkpoint

def anonymous():
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024

before = peak = anonymous()
done = threading.Event()

def watch():
    global peak
    while not done.is_set():
        peak = max(peak, anonymous())
        time.sleep(0.001)

thread = threading.Thread(target=watch)
thread.start()
place = Path(sys.argv[1])
merge([Parent(place / "one", 0.3), Parent(place / "two", 0.7)], place / "out")
done.set()
thread.join()
print(peak - before)
"""


def test_a_merge_takes_less_memory_than_two_shards(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 2)):
        write_checkpoint(tmp_path / name, seed, shards=4, rows=10**5, names="abcdefghijklmnopqrst")
    shard_bytes = max(path.stat().st_size for path in (tmp_path / "one").glob("*.safetensors"))
    ran = subprocess.run([sys.executable, "-c", PEAK, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 2 * shard_bytes
