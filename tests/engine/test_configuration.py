"""The installed vLLM, asked about checkpoints of every kind that people bring: what it refuses, and what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from tests.helpers.stand_ins import GPTQ, write_stand_in

pytestmark = pytest.mark.engine

KINDS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "own-gptq": {},
    "gptq": {"quantization_config": dict(GPTQ)},
    "gptq-asymmetric": {"quantization_config": dict(GPTQ) | {"sym": False}},
    "gptq-2-bit": {"quantization_config": dict(GPTQ) | {"bits": 2}},
    "unknown-method": {"quantization_config": {"quant_method": "never-heard-of", "bits": 4}},
    "unknown-type": {"model_type": "never_heard_of", "architectures": ["NeverHeardOfForCausalLM"]},
    "own-code": {
        "model_type": "home_made",
        "architectures": ["HomeMadeForCausalLM"],
        "auto_map": {"AutoConfig": "configuration.HomeMade", "AutoModelForCausalLM": "modeling.HomeMade"},
    },
    "odd-heads": {"num_attention_heads": 9, "num_key_value_heads": 9, "hidden_size": 576},
    "scores": {"architectures": ["Qwen2ForSequenceClassification"], "num_labels": 1},
}
PROGRAM = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from aimo_solver.engine.vllm.configuration import read_configuration
from aimo_solver.engine.vllm.settings import VllmSettings
answers = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    size = 4 if folder.name == "odd-heads" else 1
    settings = VllmSettings(folder, max_model_len=16_384, tensor_parallel_size=size)
    answers[folder.name] = asdict(read_configuration(settings, here=folder.name == "plain"))
Path(sys.argv[2]).write_text(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Asks one process about all kinds, as importing vLLM takes longer than its answers."""
    root = tmp_path_factory.mktemp("kinds")
    for name, config in KINDS.items():
        write_stand_in(root / "models" / name, config=config)
    own = {key: value for key, value in GPTQ.items() if key != "quant_method"}
    (root / "models" / "own-gptq" / "quantize_config.json").write_text(json.dumps(own))
    command = [sys.executable, "-c", PROGRAM, str(root / "models"), str(root / "answers.json")]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    return json.loads((root / "answers.json").read_text())


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("gptq-asymmetric", "sym=False"),
        ("gptq-2-bit", "bits=2"),
        ("unknown-method", "Unknown quantization method: never-heard-of"),
        ("unknown-type", "model type `never_heard_of` but Transformers does not recognize"),
        ("own-code", "custom code"),
        ("odd-heads", "attention heads (9) must be divisible by tensor parallel size (4)"),
    ],
)
def test_vllm_itself_refuses_the_kind(answers: dict[str, dict[str, Any]], kind: str, word: str) -> None:
    assert any(word in refusal for refusal in answers[kind]["refusals"]), answers[kind]


def test_a_plain_checkpoint_passes_and_its_context_is_its_own(answers: dict[str, dict[str, Any]]) -> None:
    plain = answers["plain"]
    assert plain["refusals"] == [] and plain["writes_text"]
    assert (plain["context_tokens"], plain["dtype"], plain["quantization"]) == (8192, "bfloat16", "")


@pytest.mark.parametrize("kind", ["gptq", "own-gptq"])
def test_gptq_is_recognised_in_either_layout(answers: dict[str, dict[str, Any]], kind: str) -> None:
    assert answers[kind]["refusals"] == []
    assert "gptq" in answers[kind]["quantization"]
    assert answers[kind]["min_capability"] > 0 and "float16" in answers[kind]["activation_dtypes"]


def test_a_reward_model_does_not_write(answers: dict[str, dict[str, Any]]) -> None:
    assert answers["scores"]["writes_text"] is False
