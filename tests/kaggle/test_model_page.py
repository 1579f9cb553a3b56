"""A model's page: what Kaggle reads, and what it says about how the checkpoint was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aimo_solver.errors import InputError
from aimo_solver.kaggle.model_page import ModelPage, package_model

ID = "me/my-model/transformers/fp8"


def page(checkpoint: Path, **values: Any) -> dict[str, Any]:
    return json.loads(package_model(checkpoint, ModelPage(id=ID, license_name="Apache 2.0", **values))[1].read_text())


def test_the_files_are_what_kaggle_reads(tmp_path: Path) -> None:
    model, instance = package_model(tmp_path, ModelPage(id=ID, license_name="MIT"))
    assert json.loads(model.read_text())["slug"] == "my-model"
    values = json.loads(instance.read_text())
    assert (values["modelSlug"], values["instanceSlug"], values["framework"]) == ("my-model", "fp8", "transformers")
    assert (values["licenseName"], values["modelInstanceType"]) == ("MIT", "Unspecified")


def test_the_base_is_another_variation_or_an_address(tmp_path: Path) -> None:
    inside = page(tmp_path, base="me/my-model/transformers/bf16")
    assert (inside["modelInstanceType"], inside["baseModelInstance"]) == (
        "KaggleVariant",
        "me/my-model/transformers/bf16",
    )
    outside = page(tmp_path, base="https://example.org/model")
    assert (outside["modelInstanceType"], outside["externalBaseModelUrl"]) == (
        "ExternalVariant",
        "https://example.org/model",
    )


def test_the_overview_states_recipe_size_and_figures(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(bytes(2_000_000))
    recipe = {"scheme": "w4a16", "writer": "llm-compressor", "rows": [1, 2, 3]}
    (tmp_path / "calibration.json").write_text(json.dumps(recipe))
    table = tmp_path / "measured.md"
    table.write_text("| checkpoint | MB |\n|---|---|\n")
    overview = page(tmp_path, measured=table)["overview"]
    assert "w4a16 by llm-compressor, calibrated on 3 rollouts." in overview and "2.0 MB" in overview
    assert overview.endswith("| checkpoint | MB |\n|---|---|\n")


def test_a_format_without_calibration_says_so_and_a_damaged_recipe_is_one_sentence(tmp_path: Path) -> None:
    recipe = tmp_path / "calibration.json"
    recipe.write_text(json.dumps({"scheme": "fp8-dynamic", "writer": "llm-compressor", "rows": []}))
    assert "fp8-dynamic by llm-compressor, not calibrated." in page(tmp_path)["overview"]
    recipe.write_text("{}")
    with pytest.raises(InputError, match="is not a recipe written by this program"):
        page(tmp_path)


def test_a_merge_states_its_parts(tmp_path: Path) -> None:
    parts = [{"folder": "x/cot", "weight": 0.3}, {"folder": "x/tir", "weight": 0.7}]
    (tmp_path / "merge.json").write_text(json.dumps({"parents": parts}))
    assert "A linear merge: 0.3 cot + 0.7 tir." in page(tmp_path)["overview"]


@pytest.mark.parametrize(("field", "values"), [("model", {"id": "me/my-model"}), ("base", {"id": ID, "base": "me/x"})])
def test_names_have_four_parts(tmp_path: Path, field: str, values: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"{field} must be owner/model/framework/variation, got 'me/"):
        package_model(tmp_path, ModelPage(license_name="MIT", **values))


def test_a_missing_table_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="measured"):
        page(tmp_path, measured=tmp_path / "measured.md")
