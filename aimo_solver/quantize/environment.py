"""The environment of the quantiser: its pins clash with the engine's, so it has a folder of its own.

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
from typing import Final

from aimo_solver.bundled import bundled
from aimo_solver.errors import InputError

REQUIREMENTS: Final = bundled("requirements-quantize.txt")


def quantiser_python(log: Callable[[str], None], index: str | None = None) -> Path:
    """The environment's Python; set up first where it is not there. `index`: where torch comes from."""
    if not REQUIREMENTS.is_file():
        raise InputError(f"{REQUIREMENTS}: no such file; quantise from a checkout of this project")
    text = REQUIREMENTS.read_text(encoding="utf-8")
    root = os.environ.get("AIMO_CACHE")
    digest = hashlib.sha256(f"{sys.version_info[:2]}{text}".encode()).hexdigest()[:12]
    folder = (Path(root) if root else Path.home() / ".cache" / "aimo") / "environments" / f"quantize-{digest}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        log(f"setting up {folder} (minutes, once)")
        _run([sys.executable, "-m", "venv", str(folder)])
        extra = ["--extra-index-url", index] if index else []
        _run([str(python), "-m", "pip", "install", "-q", "-r", str(REQUIREMENTS), *extra])
        (folder / "ready").touch()
    return python


def _run(command: list[str]) -> None:
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["no word"])[-1]
        raise InputError(f"{' '.join(command[:4])} failed: {last}; see to it and try again")
