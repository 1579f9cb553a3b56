"""What Kaggle attached is compared with what was sent, whatever way Kaggle spells it."""

from __future__ import annotations

import pytest

from aimo_solver.kaggle.attached_sources import missing_sources

MODEL = "me/my-model/transformers/fp8/2"


@pytest.mark.parametrize(
    ("kind", "sent", "attached", "missing"),
    [
        ("model_sources", MODEL, [MODEL], False),
        ("model_sources", MODEL, ["me/my-model/Transformers/FP8/2"], False),
        ("model_sources", MODEL, ["me/my-model/transformers/fp8"], False),
        ("model_sources", MODEL, ["me/my-model/transformers/fp8/1"], True),
        ("model_sources", MODEL, [], True),
        ("model_sources", MODEL, None, True),
        ("dataset_sources", "me/aimo-wheels/3", ["me/aimo-wheels"], False),
        ("dataset_sources", "me/aimo-wheels", ["me/aimo-wheels/7"], False),
        ("dataset_sources", "me/aimo-wheels", ["me/aimo-wheel"], True),
        ("competition_sources", "aimo-3", ["aimo-3"], False),
        ("competition_sources", "aimo-3", ["aimo-2"], True),
    ],
)
def test_a_source_is_missing_unless_kaggle_names_it(
    kind: str, sent: str, attached: list[str] | None, missing: bool
) -> None:
    assert missing_sources({kind: [sent]}, {kind: attached}) == ([f"{sent} ({kind})"] if missing else [])
