"""Quantises: writes a checkpoint in another number format, by a writer in an environment of its own.

Guarantees: whatever can be refused is refused before anything is set up or read; the new folder is
complete or does not exist, and its `calibration.json` names the rollouts it was calibrated on.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from aimo_solver.dialects.dialect import Dialect
from aimo_solver.engine.base import Tokenizer
from aimo_solver.errors import InputError
from quantize.calibration import CalibrationRow, row_ids
from quantize.checkpoint import Checkpoint, copy_companions, new_folder, read_checkpoint
from quantize.schemes import Scheme
from quantize.writers import Writer, last_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Gptq:
    """How GPTQ rounds (arXiv 2210.17323); Numina used groups of 128 in activation order."""

    group_size: int = 128
    """Weights that share a scale; -1 means a whole row. Formats without groups have one scale per row."""
    act_order: bool = False
    """Round columns with large activations first. Some kernels run such a checkpoint more slowly."""
    damping: float = 0.01
    """Added to the Hessian's diagonal, as a share of its mean."""

    def __post_init__(self) -> None:
        if self.group_size != -1 and self.group_size < 1:
            raise InputError(f"group_size must be at least 1, or -1 for whole rows, got {self.group_size!r}")
        if not 0 < self.damping < 1:
            raise InputError(f"damping must be between 0 and 1, got {self.damping!r}")


def require_plain(checkpoint: Checkpoint) -> None:
    """Raises InputError for a checkpoint that is quantised already."""
    if "quantization_config" in checkpoint.config:
        raise InputError(f"{checkpoint.folder}: is quantised already; quantise the checkpoint it was made from")


def require_groups_fit(checkpoint: Checkpoint, scheme: Scheme, gptq: Gptq) -> None:
    """Raises InputError when the scheme's groups do not divide the model's rows."""
    if not scheme.grouped or gptq.group_size == -1:
        return
    for name in ("hidden_size", "intermediate_size"):
        width = checkpoint.config.get(name)
        if isinstance(width, int) and width % gptq.group_size:
            raise InputError(
                f"group_size must divide the model's {name} of {width}, got {gptq.group_size}; try 64 or 32"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The rollouts a scheme is calibrated on, and how they become token ids."""

    rows: Sequence[CalibrationRow]
    dialect: Dialect
    tokenizer: Tokenizer
    seed: int = 0


def quantise(
    checkpoint: Checkpoint,
    scheme: Scheme,
    out: Path,
    *,
    writer: Writer,
    python: Path,
    calibration: Calibration,
    gptq: Gptq | None = None,
) -> Checkpoint:
    """Writes the checkpoint in the scheme to `out`. Raises InputError. `python`: that of the writer's environment."""
    require_plain(checkpoint)
    if scheme.calibrated and not calibration.rows:
        raise InputError(f"{scheme.name} is calibrated on rollouts; name run folders with --calibrate-on")
    gptq = gptq or Gptq()
    with new_folder(out) as building:
        copy_companions(checkpoint.folder, building)
        rows_file = building / "calibration-rows.jsonl"
        if calibration.rows:
            ids = (row_ids(row, calibration.dialect, calibration.tokenizer) for row in calibration.rows)
            rows_file.write_text("".join(f"{json.dumps({'input_ids': row})}\n" for row in ids), encoding="utf-8")
        request = {
            "model": str(checkpoint.folder.resolve()),
            "out": str(building.resolve()),
            "scheme": scheme.name,
            "bits": scheme.bits,
            "gptq": asdict(gptq),
            "calibration": str(rows_file.resolve()) if calibration.rows else None,
            "seed": calibration.seed,
        }
        request_file = (building / "request.json").absolute()  # The worker is started in another folder.
        request_file.write_text(json.dumps(request), encoding="utf-8")
        # Not resolved: an environment's Python is a link, and is not the environment's where the link leads.
        command = [str(python.absolute()), str(writer.script.absolute()), str(request_file)]
        ran = subprocess.run(command, check=False, capture_output=True, text=True, cwd=building)
        if ran.returncode:
            raise InputError(f"{writer.name} could not make {scheme.name} of {checkpoint.folder}: {last_line(ran)}")
        request_file.unlink()
        rows_file.unlink(missing_ok=True)
        record = {
            "base": str(checkpoint.folder),
            "scheme": scheme.name,
            "writer": writer.name,
            "gptq": asdict(gptq) if scheme.bits else None,
            "seed": calibration.seed,
            "rows": [
                {"problem": row.problem.id, "seed": None if row.trajectory is None else row.trajectory.seed}
                for row in calibration.rows
            ],
        }
        (building / "calibration.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return read_checkpoint(out)
