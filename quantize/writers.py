"""Writers: the libraries that make quantised checkpoints, each in an environment of its own.

Their pins clash with the engine's and with one another's. A writer's script is run by its own
Python, is given one request file, and imports nothing of this project.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aimo_solver.errors import InputError

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Writer:
    """One library."""

    name: str
    script: Path
    requirements: Path
    """What its environment is made from."""
    builds_from: tuple[str, ...] = ()
    """What must be installed first where the library is built from source; its requirements are a whole lock then."""
    needs_cuda: bool = False


LLM_COMPRESSOR: Final = Writer(
    "llm-compressor", _HERE / "workers" / "compress_worker.py", _HERE / "requirements" / "llm-compressor.txt"
)
GPTQMODEL: Final = Writer(
    "gptqmodel",
    _HERE / "workers" / "gptqmodel_worker.py",
    _HERE / "requirements" / "gptqmodel.txt",
    builds_from=("torch==2.13.0", "numpy", "setuptools", "wheel", "packaging", "ninja"),
)
AUTO_GPTQ: Final = Writer(
    "auto-gptq", _HERE / "workers" / "auto_gptq_worker.py", _HERE / "requirements" / "auto-gptq.txt", needs_cuda=True
)
WRITERS: Final = {writer.name: writer for writer in (LLM_COMPRESSOR, GPTQMODEL, AUTO_GPTQ)}


def find_writer(name: str) -> Writer:
    """The writer of that name. Raises InputError that lists the names there are."""
    if name not in WRITERS:
        raise InputError(f"backend must be one of {', '.join(WRITERS)}, got {name!r}")
    return WRITERS[name]
