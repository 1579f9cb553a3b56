"""Quantises with llm-compressor: a script for that library's own environment.

    python compress_worker.py request.json

The request: `model` and `out` folders, `scheme`, `bits`, `gptq` (`group_size`, `act_order`,
`damping`), `calibration` (a file of JSON lines {"input_ids"}, or null), `seed`. The script imports
nothing of this project, which is not installed there; when it fails, the last line of its stderr says
why. Tested with llm-compressor 0.14 (github.com/vllm-project/llm-compressor).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

IGNORED = ["lm_head"]
"""The output head is not quantised: it is small, and votes depend on it most."""
KV_CACHE = {"num_bits": 8, "type": "float", "strategy": "tensor", "dynamic": False, "symmetric": True}


def main(request: dict) -> None:
    import torch
    from datasets import Dataset
    from llmcompressor import oneshot
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(request["seed"])
    model = AutoModelForCausalLM.from_pretrained(request["model"], dtype="auto")
    tokenizer = AutoTokenizer.from_pretrained(request["model"])
    options = {}
    if request["calibration"]:
        rows = [json.loads(line)["input_ids"] for line in Path(request["calibration"]).read_text().splitlines()]
        longest = max(map(len, rows))
        columns = {"input_ids": rows, "attention_mask": [[1] * len(row) for row in rows]}
        options = {
            "dataset": Dataset.from_dict(columns),
            "num_calibration_samples": len(rows),
            "max_seq_length": longest,
            "shuffle_calibration_samples": False,
        }
    oneshot(model=model, tokenizer=tokenizer, recipe=recipe(request["scheme"], request["gptq"]), **options)
    model.save_pretrained(request["out"], save_compressed=True)


def recipe(scheme: str, gptq: dict) -> list:
    """Returns llm-compressor's modifiers for one of our schemes."""
    from llmcompressor.modifiers.quantization import GPTQModifier, QuantizationModifier

    by_error = {"w4a16": "W4A16", "w8a16": "W8A16", "w8a8": "W8A8"}
    if scheme in by_error:
        return [
            GPTQModifier(
                config_groups={"group_0": grouped(by_error[scheme], gptq["group_size"])},
                ignore=IGNORED,
                dampening_frac=gptq["damping"],
                actorder="group" if gptq["act_order"] and scheme == "w4a16" else None,
            )
        ]
    if scheme == "fp8-dynamic":
        return [QuantizationModifier(targets="Linear", scheme="FP8_DYNAMIC", ignore=IGNORED)]
    kv_cache = KV_CACHE if scheme == "fp8-kv" else None
    return [QuantizationModifier(targets="Linear", scheme="FP8", ignore=IGNORED, kv_cache_scheme=kv_cache)]


def grouped(preset: str, group_size: int):
    """Returns the library's preset, with this group size if the preset has groups."""
    from compressed_tensors.quantization import preset_name_to_scheme

    scheme = preset_name_to_scheme(preset, ["Linear"])
    if scheme.weights.strategy == "group":
        scheme.weights.group_size = group_size
    return scheme


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
