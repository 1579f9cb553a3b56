"""Attached inputs are found under both of Kaggle's layouts."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimo_solver.config.contest import Contest, find_contest, shipped_contests
from aimo_solver.errors import InputError
from aimo_solver.kaggle.inputs import find_checkpoint, find_competition, find_test_file, find_wheel_folders

AIMO3_SLUG = find_contest("aimo3").slug
MODEL_FOLDERS = ("my-model", "models/me/my-model/transformers/fp8/3", "datasets/me/my-model/checkpoints/last")


def checkpoint(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("config.json", "model-00001-of-00002.safetensors"):
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("layout", ["", "competitions"])
@pytest.mark.parametrize("contest", shipped_contests(), ids=lambda contest: contest.name)
def test_the_competition_is_found_under_both_layouts(tmp_path: Path, layout: str, contest: Contest) -> None:
    folder = tmp_path / layout / contest.slug
    folder.mkdir(parents=True)
    assert find_competition(tmp_path) == (contest, folder)


def test_without_a_competition_none_is_found(tmp_path: Path) -> None:
    assert find_competition(tmp_path) is None
    assert find_competition(tmp_path / "none") is None


def test_two_competitions_are_refused(tmp_path: Path) -> None:
    for contest in shipped_contests()[:2]:
        (tmp_path / contest.slug).mkdir()
    with pytest.raises(InputError, match="two competitions are attached"):
        find_competition(tmp_path)


@pytest.mark.parametrize(
    ("names", "found"), [(["test.csv", "reference.csv"], "test.csv"), (["reference.csv"], "reference.csv")]
)
def test_the_test_file_is_found_before_the_reference_file(tmp_path: Path, names: list[str], found: str) -> None:
    assert find_test_file(tmp_path) is None
    for name in names:
        (tmp_path / name).touch()
    assert find_test_file(tmp_path) == tmp_path / found


@pytest.mark.parametrize("place", MODEL_FOLDERS)
def test_the_checkpoint_is_found_wherever_it_was_attached(tmp_path: Path, place: str) -> None:
    (tmp_path / "competitions" / AIMO3_SLUG).mkdir(parents=True)
    folder = checkpoint(tmp_path / place)
    assert find_checkpoint(tmp_path) == folder


def test_a_configuration_without_weights_is_not_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "config.json").touch()
    assert find_checkpoint(tmp_path) is None


def test_two_checkpoints_are_refused_by_name(tmp_path: Path) -> None:
    for place in MODEL_FOLDERS[:2]:
        checkpoint(tmp_path / place)
    with pytest.raises(InputError, match=r"holds 2 checkpoints \(.*fp8/3, .*my-model\); choose one with --model"):
        find_checkpoint(tmp_path)


def test_wheels_are_found_in_every_dataset(tmp_path: Path) -> None:
    for place in ("wheels", "datasets/me/more/deep"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "vllm-0.24.0-py3-none-any.whl").touch()
    assert find_wheel_folders(tmp_path) == [tmp_path / "datasets/me/more/deep", tmp_path / "wheels"]


def test_one_competition_under_both_layouts_is_one(tmp_path: Path) -> None:
    for layout in ("", "competitions"):
        (tmp_path / layout / AIMO3_SLUG).mkdir(parents=True)
    assert find_competition(tmp_path) == (find_contest("aimo3"), tmp_path / "competitions" / AIMO3_SLUG)


def test_a_second_format_inside_a_checkpoint_is_not_another_checkpoint(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "gpt-oss")
    checkpoint(folder / "original")
    (tmp_path / "twin").symlink_to(folder, target_is_directory=True)
    assert find_checkpoint(tmp_path) == folder
