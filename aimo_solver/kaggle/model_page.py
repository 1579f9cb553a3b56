"""A model's page on Kaggle: the files that `kaggle models create` and `... variations create` read.

Guarantees: the page of a checkpoint that was quantised or merged by this program states its recipe;
the only figures are those written by `aimo quantize measure`. Field names and choices: kaggle-api's
documentation of model-metadata.json and model-instance-metadata.json.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aimo_solver.errors import InputError
from aimo_solver.utils.files import read_text, write_text

MODEL_FILE: Final = "model-metadata.json"
INSTANCE_FILE: Final = "model-instance-metadata.json"
_WEIGHTS: Final = "*.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    """What the page says about a variation of a model."""

    id: str
    """owner/model/framework/variation."""
    license_name: str
    base: str | None = None
    """What it was made from: another variation (owner/model/framework/variation) or an address."""
    measured: Path | None = None
    """measured.md, the table that `aimo quantize measure` wrote."""


def package_model(checkpoint: Path, page: ModelPage) -> tuple[Path, Path]:
    """Writes both files into the checkpoint's folder and returns their paths. Raises InputError."""
    owner, slug, framework, variation = _four_parts("model", page.id)
    kind, base_instance, base_url = _origin(page.base)
    model: dict[str, object] = {
        "ownerSlug": owner,
        "title": slug.replace("-", " "),
        "slug": slug,
        "isPrivate": True,
        "description": "",
        "publishTime": "",
        "provenanceSources": page.base or "",
    }
    instance: dict[str, object] = {
        "ownerSlug": owner,
        "modelSlug": slug,
        "instanceSlug": variation,
        "framework": framework,
        "overview": overview(checkpoint, page),
        "usage": f"python kernel.py my_problems.csv --model /kaggle/input/{slug}/{framework}/{variation}/1",
        "licenseName": page.license_name,
        "fineTunable": False,
        "trainingData": [],
        "modelInstanceType": kind,
        "baseModelInstance": base_instance,
        "externalBaseModelUrl": base_url,
    }
    for name, values in ((MODEL_FILE, model), (INSTANCE_FILE, instance)):
        write_text(checkpoint / name, json.dumps(values, indent=2) + "\n")
    return checkpoint / MODEL_FILE, checkpoint / INSTANCE_FILE


def overview(checkpoint: Path, page: ModelPage) -> str:
    """Returns recipe, size and measured table as Markdown."""
    size_bytes = sum(path.stat().st_size for path in checkpoint.glob(_WEIGHTS))
    size = f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.1f} MB"
    lines = [_recipe(checkpoint), f"Weights: {size} in safetensors."]
    if page.base:
        lines.append(f"Made from {page.base}.")
    if page.measured is not None:
        lines += ["", read_text(page.measured, "the table of aimo quantize measure").strip()]
    return "\n".join(line for line in lines if line is not None) + "\n"


def _recipe(checkpoint: Path) -> str | None:
    """How this program made the checkpoint, from the files it left there."""
    for name, describe in (("calibration.json", _quantised), ("merge.json", _merged)):
        path = checkpoint / name
        if path.is_file():
            try:
                return describe(json.loads(read_text(path, "a checkpoint's recipe")))
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f"{path}: is not a recipe written by this program ({error!r}); remove it") from None
    return None


def _quantised(recipe: Any) -> str:
    rows = len(recipe["rows"])
    how = f"calibrated on {rows} rollouts" if rows else "not calibrated"
    return f"{recipe['scheme']} by {recipe['writer']}, {how}."


def _merged(recipe: Any) -> str:
    parts = " + ".join(f"{part['weight']:g} {Path(part['folder']).name}" for part in recipe["parents"])
    return f"A linear merge: {parts}."


def _origin(base: str | None) -> tuple[str, str, str]:
    """Returns the kind of variation, and its base on Kaggle or elsewhere."""
    if base is None:
        return "Unspecified", "", ""
    if base.startswith(("https://", "http://")):
        return "ExternalVariant", "", base
    return "KaggleVariant", "/".join(_four_parts("base", base)), ""


def _four_parts(name: str, text: str) -> tuple[str, str, str, str]:
    parts = text.split("/")
    if len(parts) != 4 or not all(parts):
        raise InputError(f"{name} must be owner/model/framework/variation, got {text!r}")
    return parts[0], parts[1], parts[2], parts[3]
