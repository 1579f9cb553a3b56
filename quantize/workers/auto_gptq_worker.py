"""Quantises with AutoGPTQ 0.7.1, inside that library's own environment: a script of its own.

    python auto_gptq_worker.py request.json

The request is compress_worker.py's. For those who want what the archived library itself writes; it
needs a CUDA card. Not run here (no card): written after its README (github.com/AutoGPTQ/AutoGPTQ).
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
