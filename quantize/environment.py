"""Environments of the writers: each has a folder of its own, as their pins clash.

Guarantees: made once, whole or not at all, under $AIMO_CACHE or ~/.cache/aimo; made anew when its
requirements change.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from aimo_solver.errors import InputError
from quantize.writers import Writer


def writer_python(writer: Writer, log: Callable[[str], None], index: str | None = None) -> Path:
    """The environment's Python; set up first where it is not there. `index`: where torch comes from."""
    if not writer.requirements.is_file():
        raise InputError(f"{writer.requirements}: no such file; quantise from a checkout of this project")
    text = writer.requirements.read_text(encoding="utf-8")
    root = os.environ.get("AIMO_CACHE")
    digest = hashlib.sha256(f"{sys.version_info[:2]}{writer.builds_from}{text}".encode()).hexdigest()[:12]
    folder = (Path(root) if root else Path.home() / ".cache" / "aimo") / "environments" / f"{writer.name}-{digest}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        log(f"setting up {folder} (minutes, once)")
        _run([sys.executable, "-m", "venv", str(folder)])
        pip = [str(python), "-m", "pip", "install", "-q", *(["--extra-index-url", index] if index else [])]
        isolation: list[str] = []
        if writer.builds_from:
            _run([*pip, *writer.builds_from])
            isolation = ["--no-build-isolation", "--no-deps"]
        _run([*pip, *isolation, "-r", str(writer.requirements)])
        (folder / "ready").touch()
    return python


def _run(command: list[str]) -> None:
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["no word"])[-1]
        raise InputError(f"{' '.join(command[:4])} failed: {last}; see to it and try again")
