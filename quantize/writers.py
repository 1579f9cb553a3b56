"""Writers: the libraries that make quantised checkpoints, and the environment each one runs in.

Their pinned versions clash with the engine's and with one another's, so each has an environment of its
own. A writer's script is run by that environment's Python, is given one request file, and imports
nothing of this project.

Guarantees: an environment is made once, under $AIMO_CACHE or ~/.cache/aimo; one that was interrupted is
made again, and so is one whose requirements have changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aimo_solver.errors import InputError

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """A library that quantises, and the script that drives it."""

    name: str
    script: Path
    requirements: Path
    """The requirements file of its environment."""
    builds_from: tuple[str, ...] = ()
    """Packages to install first where the library is built from source; `requirements` is then a complete lock."""
    needs_cuda: bool = False


LLM_COMPRESSOR: Final = Writer(
    name="llm-compressor",
    script=_HERE / "workers" / "compress_worker.py",
    requirements=_HERE / "requirements" / "llm-compressor.txt",
)
GPTQMODEL: Final = Writer(
    name="gptqmodel",
    script=_HERE / "workers" / "gptqmodel_worker.py",
    requirements=_HERE / "requirements" / "gptqmodel.txt",
    builds_from=("torch==2.13.0", "numpy", "setuptools", "wheel", "packaging", "ninja"),
)
AUTO_GPTQ: Final = Writer(
    name="auto-gptq",
    script=_HERE / "workers" / "auto_gptq_worker.py",
    requirements=_HERE / "requirements" / "auto-gptq.txt",
    needs_cuda=True,
)
WRITERS: Final = {writer.name: writer for writer in (LLM_COMPRESSOR, GPTQMODEL, AUTO_GPTQ)}


def find_writer(name: str) -> Writer:
    """Returns the writer of that name. Raises InputError that lists the names."""
    if name not in WRITERS:
        raise InputError(f"backend must be one of {', '.join(WRITERS)}, got {name!r}")
    return WRITERS[name]


def writer_python(writer: Writer, log: Callable[[str], None], index: str | None = None) -> Path:
    """Returns the Python of the writer's environment, which is set up first if need be. Raises InputError.

    `index`: an extra package index, such as PyTorch's for CPU builds, or a folder that is one.
    """
    folder = _environment_folder(writer)
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        log(f"setting up {folder} (takes minutes, once)")
        _run([sys.executable, "-m", "venv", str(folder)])
        pip = [str(python), "-m", "pip", "install", "-q", *(["--extra-index-url", _index_url(index)] if index else [])]
        isolation: list[str] = []
        if writer.builds_from:
            _run([*pip, *writer.builds_from])
            isolation = ["--no-build-isolation", "--no-deps"]
        _run([*pip, *isolation, "-r", str(writer.requirements)])
        (folder / "ready").touch()
    return python


def _environment_folder(writer: Writer) -> Path:
    """Its name changes with the Python version and the requirements."""
    requirements = writer.requirements.read_text(encoding="utf-8")
    digest = hashlib.sha256(f"{sys.version_info[:2]}{writer.builds_from}{requirements}".encode()).hexdigest()[:12]
    cache = os.environ.get("AIMO_CACHE")
    root = Path(cache).absolute() if cache else Path.home() / ".cache" / "aimo"
    return root / "environments" / f"{writer.name}-{digest}"


def _index_url(index: str) -> str:
    """Returns the index's address; a folder's, whichever folder pip works in."""
    return Path(index).absolute().as_uri() if Path(index).is_dir() else index


def _run(command: list[str]) -> None:
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    if ran.returncode:
        raise InputError(f"{' '.join(command[:4])} failed: {last_line(ran)}; fix the cause and try again")


def last_line(ran: subprocess.CompletedProcess[str]) -> str:
    """Returns the last line of a failed process's stderr, or its exit code when there is none."""
    return (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1]
