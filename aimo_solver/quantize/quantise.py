"""Quantise: a checkpoint in another number format, made by llm-compressor in an environment of its own.

Guarantees: what can be refused is refused before anything is set up or read; the folder is there
whole or not at all, with the calibration's rows named in `calibration.json`.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from aimo_solver.dialects.dialect import Dialect
from aimo_solver.engine import Tokenizer
from aimo_solver.errors import InputError
from aimo_solver.quantize.calibration import Row, row_ids
from aimo_solver.quantize.checkpoint import Checkpoint, copy_companions, new_folder, read_checkpoint
from aimo_solver.quantize.schemes import Scheme

_WORKER = Path(__file__).with_name("compress_worker.py")


def require_plain(checkpoint: Checkpoint) -> None:
    """Raises InputError for what cannot be quantised."""
    if "quantization_config" in checkpoint.config:
        raise InputError(f"{checkpoint.folder}: is quantised already; quantise the checkpoint it was made from")


def quantise(
    python: Path,
    checkpoint: Checkpoint,
    scheme: Scheme,
    out: Path,
    rows: Sequence[Row],
    dialect: Dialect,
    tokenizer: Tokenizer,
    seed: int = 0,
) -> Checkpoint:
    """Writes the checkpoint in the scheme. `python`: of the quantiser's environment. Raises InputError."""
    require_plain(checkpoint)
    if scheme.calibrated and not rows:
        raise InputError(f"{scheme.name} is calibrated on rollouts; name run folders with --calibrate-on")
    with new_folder(out) as building:
        copy_companions(checkpoint.folder, building)
        calibration = building / "calibration-rows.jsonl"
        if rows:
            ids = (row_ids(row, dialect, tokenizer) for row in rows)
            calibration.write_text("".join(f"{json.dumps({'input_ids': row})}\n" for row in ids), encoding="utf-8")
        request = {
            "model": str(checkpoint.folder.resolve()),
            "out": str(building.resolve()),
            "scheme": scheme.name,
            "calibration": str(calibration.resolve()) if rows else None,
            "seed": seed,
        }
        asked = building / "request.json"
        asked.write_text(json.dumps(request), encoding="utf-8")
        command = [str(python), str(_WORKER), str(asked)]
        ran = subprocess.run(command, check=False, capture_output=True, text=True, cwd=building)
        if ran.returncode:
            last = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1]
            raise InputError(f"llm-compressor could not make {scheme.name} of {checkpoint.folder}: {last}")
        asked.unlink()
        calibration.unlink(missing_ok=True)
        _tell_rows(building, scheme, rows, seed)
    return read_checkpoint(out)


def _tell_rows(building: Path, scheme: Scheme, rows: Sequence[Row], seed: int) -> None:
    told = {
        "scheme": scheme.name,
        "seed": seed,
        "rows": [{"problem": row.problem.id, "seed": row.trajectory.seed} for row in rows],
    }
    (building / "calibration.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
