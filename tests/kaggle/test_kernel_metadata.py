"""kernel-metadata.json: the rules of kaggle's command, and those whose violation shows only hours later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aimo_solver.errors import InputError
from aimo_solver.kaggle.kernel_metadata import MAX_SOURCE_BYTES, kernel_faults, read_kernel_metadata
from aimo_solver.utils.paths import PROJECT

GOOD = {
    "id": "me/my-solver",
    "title": "My solver",
    "code_file": "kernel.py",
    "language": "python",
    "kernel_type": "script",
    "is_private": True,
    "enable_gpu": "true",
    "enable_internet": False,
    "machine_shape": "NvidiaH100",
    "competition_sources": ["ai-mathematical-olympiad-progress-prize-3"],
    "dataset_sources": ["me/aimo-wheels", "me/aimo-wheels/3"],
    "kernel_sources": ["me/some-kernel"],
    "model_sources": ["me/my-model/transformers/fp8/1"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kernel.py").write_text("print(1)\n")
    return tmp_path


def test_good_metadata_is_read(folder: Path) -> None:
    (folder / "kernel-metadata.json").write_text(json.dumps(GOOD))
    metadata = read_kernel_metadata(folder)
    assert (metadata.id, metadata.machine_shape, metadata.code_file) == (GOOD["id"], "NvidiaH100", folder / "kernel.py")
    assert set(metadata.sources) == {"dataset_sources", "competition_sources", "kernel_sources", "model_sources"}


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("title", "four", "title must be a string of 5 or more characters, got 'four'"),
        ("title", "Another solver", "id must end with the title's slug 'another-solver'"),
        ("id", "my-solver", "id must be user/slug without a version, got 'my-solver'"),
        ("id", "me/my-solver/3", "id must be user/slug without a version"),
        ("id", "me/abcd", "id must have a slug of 5 or more characters"),
        ("code_file", "", "code_file must name the file to run"),
        ("code_file", "none.py", "code_file must exist, but there is no"),
        ("language", "julia", "language must be one of python, r, rmarkdown, got 'julia'"),
        ("kernel_type", "app", "kernel_type must be one of script, notebook, got 'app'"),
        ("is_private", "yes", "is_private must be true or false, got 'yes'"),
        ("enable_internet", True, "enable_internet must be false: a kernel with internet cannot be submitted"),
        ("enable_internet", "True", "enable_internet must be false: a kernel with internet cannot be submitted"),
        ("enable_gpu", False, "enable_gpu must be true if machine_shape names an accelerator"),
        ("machine_shape", "NvidiaH200", "machine_shape must be one of NvidiaTeslaT4"),
        ("machine_shape", "NvidiaTeslaP100", "machine_shape NvidiaTeslaP100 is retired"),
        ("docker_image_pinning_type", "newest", "docker_image_pinning_type must be one of original, latest"),
        ("dataset_sources", ["aimo-wheels"], "dataset_sources must be user/slug or user/slug/version"),
        ("dataset_sources", ["me/aimo-wheels/x"], "dataset_sources must be user/slug or user/slug/version"),
        ("dataset_sources", "me/aimo-wheels", "dataset_sources must be a list of strings"),
        ("kernel_sources", ["me/a/1/2"], "kernel_sources must be user/slug or user/slug/version"),
        ("model_sources", ["me/my-model"], "model_sources must be owner/model/framework/variation/version"),
        ("model_sources", ["me/m/transformers/fp8/one"], "model_sources must be owner/model/framework/variation"),
        ("competition_sources", ["https://x"], "competition_sources must be a competition's slug"),
        ("machine_shape", ["NvidiaL4"], "machine_shape must be a string, got ['NvidiaL4']"),
        ("machine_shape", "TpuV38", "enable_tpu must be true if machine_shape names an accelerator"),
        ("kernel_type", "notebook", "code_file must be a notebook if kernel_type is notebook"),
        ("kernel_sources", ["me/abc"], "kernel_sources must have slugs of 5 or more characters"),
        ("machine_shape", "", "machine_shape must be one of NvidiaTeslaT4"),
        ("machine_shape", None, "machine_shape must be one of NvidiaTeslaT4"),
        ("id", "your-name/my-solver", "id must name yours instead of the placeholder 'your-name/my-solver'"),
        ("dataset_sources", ["your-name/aimo-wheels"], "dataset_sources must name yours instead of the placeholder"),
        ("model_sources", ["me/your-model/transformers/fp8/1"], "model_sources must name yours instead of the plac"),
        (
            "competition_sources",
            ["aimo-1", "aimo-2"],
            "competition_sources must name one competition, got aimo-1, aimo-2",
        ),
        ("competition_sources", [], "competition_sources must name the competition to submit to"),
        ("accelerator", "NvidiaH100", "accelerator is not a field that kaggle reads; remove it"),
    ],
)
def test_each_fault_is_one_sentence(folder: Path, name: str, value: object, fault: str) -> None:
    (sentence,) = kernel_faults(GOOD | {name: value}, folder)
    assert sentence.startswith(fault)


@pytest.mark.parametrize(
    ("datasets", "kernels", "models", "faults"),
    [
        ([], [], ["me/m/transformers/fp8/1"], ["dataset_sources must name the dataset of wheels"]),
        (["me/aimo-wheels", "me/aimo-wheels/2"], [], [], ["model_sources must name the checkpoint"]),
        ([], [], [], ["model_sources must name the checkpoint", "dataset_sources must name the dataset of wheels"]),
        ([], ["me/wheels-kernel"], ["me/m/transformers/fp8/1"], []),
        (["me/aimo-wheels", "me/my-weights"], [], [], []),
    ],
)
def test_a_kernel_that_would_lack_wheels_or_weights_is_refused(
    folder: Path, datasets: list[str], kernels: list[str], models: list[str], faults: list[str]
) -> None:
    own = {"dataset_sources": datasets, "kernel_sources": kernels, "model_sources": models}
    found = kernel_faults(GOOD | own, folder)
    assert len(found) == len(faults)
    assert all(one.startswith(start) for one, start in zip(found, faults, strict=True))


def test_the_shipped_file_needs_nothing_but_its_placeholders_filled_in() -> None:
    values = json.loads((PROJECT / "kernel-metadata.json").read_text())
    found = kernel_faults(values, PROJECT)
    assert [one.split()[0] for one in found] == ["id", "dataset_sources", "model_sources"]
    assert all("placeholder" in one for one in found)


def test_enable_internet_must_not_be_left_out(folder: Path) -> None:
    values = {name: value for name, value in GOOD.items() if name != "enable_internet"}
    assert kernel_faults(values, folder) == ["enable_internet must be false: kaggle switches it on if it is left out"]


def test_all_faults_are_reported_at_once(folder: Path) -> None:
    (folder / "kernel-metadata.json").write_text(json.dumps(GOOD | {"language": "c", "kernel_type": "x"}))
    with pytest.raises(InputError, match=r"kernel-metadata\.json: language must .*; kernel_type must "):
        read_kernel_metadata(folder)


def test_a_code_file_above_the_limit_is_refused(folder: Path) -> None:
    (folder / "kernel.py").write_text("#" * (MAX_SOURCE_BYTES + 1))
    (sentence,) = kernel_faults(GOOD, folder)
    assert "attach the package as a dataset" in sentence


@pytest.mark.parametrize(("text", "fault"), [("{", "must be JSON"), ("[]", "must be a JSON object, got list")])
def test_a_file_that_is_not_metadata_is_refused(folder: Path, text: str, fault: str) -> None:
    (folder / "kernel-metadata.json").write_text(text)
    with pytest.raises(InputError, match=fault):
        read_kernel_metadata(folder)


def test_a_broken_link_is_called_one(folder: Path) -> None:
    (folder / "kernel-metadata.json").symlink_to("elsewhere.json")
    with pytest.raises(InputError, match=r"kernel-metadata\.json: is a broken link to elsewhere\.json"):
        read_kernel_metadata(folder)


def test_damaged_files_beside_the_kernel_are_named(folder: Path) -> None:
    (folder / "kernel-metadata.json").write_text(json.dumps(GOOD))
    (folder / "notes.txt").symlink_to("gone.txt")
    (folder / "one.whl").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"notes\.txt is a broken link to gone\.txt.*; one\.whl is cut off"):
        read_kernel_metadata(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match=r"kernel-metadata\.json: does not exist"):
        read_kernel_metadata(folder)


@pytest.mark.parametrize(("title", "slug"), [("AIMO 2,048", "aimo-2048"), ("Überlösung", "uberlosung")])
def test_titles_are_read_as_kaggle_reads_them(folder: Path, title: str, slug: str) -> None:
    assert kernel_faults(GOOD | {"title": title, "id": f"me/{slug}"}, folder) == []
