"""Quantises with GPTQModel: a script for that library's own environment.

    python gptqmodel_worker.py request.json

Takes the same request as compress_worker.py. The script imports nothing of this project, which is not
installed there; when it fails, the last line of its stderr says why. Tested with GPTQModel 7.7
(github.com/ModelCloud/GPTQModel); the format is AutoGPTQ's (`checkpoint_format: gptq`).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

# With more workers than cores it hangs on a small machine.
os.environ.setdefault("GPTQMODEL_CPU_WORKERS", str(os.cpu_count() or 1))

MIN_ROW_TOKENS = 10


def main(request: dict) -> None:
    import torch
    from gptqmodel import GPTQModel, QuantizeConfig

    torch.manual_seed(request["seed"])
    gptq = request["gptq"]
    config = QuantizeConfig(
        bits=request["bits"],
        group_size=gptq["group_size"],
        desc_act=gptq["act_order"],
        act_group_aware=False,
        damp_percent=gptq["damping"],
    )
    rows = [json.loads(line)["input_ids"] for line in Path(request["calibration"]).read_text().splitlines()]
    model = GPTQModel.load(request["model"], config)
    examples = [{"input_ids": [row], "attention_mask": [[1] * len(row)]} for row in rows]
    model.quantize(examples, batch_size=1, calibration_data_min_length=MIN_ROW_TOKENS)
    model.save(request["out"])


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
