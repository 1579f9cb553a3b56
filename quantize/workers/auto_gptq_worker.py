"""Quantises with AutoGPTQ 0.7.1: a script for that library's own environment.

    python auto_gptq_worker.py request.json

Takes the same request as compress_worker.py. It is for checkpoints that must come from the archived
library itself, and needs a CUDA card. Untested: written from its README (github.com/AutoGPTQ/AutoGPTQ).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(request: dict) -> None:
    import torch
    from auto_gptq import AutoGPTQForCausalLM, BaseQuantizeConfig

    torch.manual_seed(request["seed"])
    gptq = request["gptq"]
    config = BaseQuantizeConfig(
        bits=request["bits"],
        group_size=gptq["group_size"],
        desc_act=gptq["act_order"],
        damp_percent=gptq["damping"],
    )
    rows = [json.loads(line)["input_ids"] for line in Path(request["calibration"]).read_text().splitlines()]
    examples = [{"input_ids": torch.tensor([row]), "attention_mask": torch.ones(1, len(row))} for row in rows]
    model = AutoGPTQForCausalLM.from_pretrained(request["model"], config)
    model.quantize(examples)
    model.save_quantized(request["out"], use_safetensors=True)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
