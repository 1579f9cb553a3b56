"""Packages for Kaggle: a dataset of wheels, or one file with everything of ours inside.

Guarantees: what is incomplete or built for another machine is told before anything is uploaded;
nothing is uploaded here (`kaggle datasets create` does that).
"""

from __future__ import annotations

import base64
import io
import json
import lzma
import re
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from aimo_solver.errors import InputError
from aimo_solver.kaggle.kernel_metadata import SOURCE_BYTES
from aimo_solver.kaggle.wheels import Target, download_wheels, read_wishes, wheel_faults, write_lock
from aimo_solver.utils.files import make_folder, read_text, write_text

DATASET_FILE: Final = "dataset-metadata.json"
INSIDE: Final = ("aimo_solver", "tomli_w")
"""Packages that travel in the single file: ours, and what we use that Kaggle's image lacks."""
_INSIDE_LINE: Final = 'PACKAGE = ""'
_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{4,48}[a-z0-9]")


def package_wheels(
    out: Path,
    dataset_id: str,
    requirements: Sequence[Path | str],
    target: Target,
    *,
    project: Path | None,
    with_dependencies: bool = True,
    quiet: bool = False,
) -> Path:
    """Fills `out` with a dataset of wheels; its lock. `project` is a checkout to build our own wheel from.

    Wheels that are there already are kept and not downloaded again.
    """
    _check_id(dataset_id)
    read_wishes(requirements, target)  # Refuses a broken file before anything is built.
    make_folder(out)
    if project is not None:
        _build_project_wheel(project, out)
    if requirements:
        download_wheels(requirements, target, out, with_dependencies=with_dependencies, quiet=quiet)
    faults = wheel_faults(out, target, requirements, with_dependencies=bool(requirements) and with_dependencies)
    if not any(out.glob("*.whl")):
        faults.append("there are no wheels; name a requirements file")
    if faults:
        raise InputError(f"{out}: " + "; ".join(faults))
    metadata = {"title": _title(dataset_id), "id": dataset_id, "licenses": [{"name": "other"}]}
    write_text(out / DATASET_FILE, json.dumps(metadata, indent=2) + "\n")
    return write_lock(out)


def package_single_file(kernel: Path, out: Path) -> int:
    """Writes `kernel` with the package inside; its bytes. Raises InputError above Kaggle's limit."""
    text = read_text(kernel, "kernel.py")
    if text.count(_INSIDE_LINE) != 1:
        raise InputError(f"{kernel}: must have one line {_INSIDE_LINE}; take the project's own kernel.py")
    whole = text.replace(_INSIDE_LINE, f'PACKAGE = "{base64.b85encode(_archive()).decode()}"')
    size_bytes = len(whole.encode())
    if size_bytes > SOURCE_BYTES:
        raise InputError(f"{out}: would take {size_bytes:,} bytes, of which Kaggle accepts {SOURCE_BYTES:,}")
    write_text(out, whole)
    return size_bytes


def _archive() -> bytes:
    """The packages' sources and settings as a tar, compressed; the same bytes each time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in INSIDE:
            spec = find_spec(name)
            if spec is None or spec.origin is None:
                raise InputError(f"the package {name} is not installed here; run `make venv`")
            root = Path(spec.origin).parent
            for path in sorted(root.rglob("*")):
                inside = Path(name) / path.relative_to(root)
                if path.suffix in (".py", ".toml", ".json", ".typed") and "_bundled" not in inside.parts:
                    entry = tarfile.TarInfo(str(inside))
                    entry.size = path.stat().st_size
                    with path.open("rb") as file:
                        archive.addfile(entry, file)
    return lzma.compress(buffer.getvalue(), preset=9)


def _build_project_wheel(project: Path, out: Path) -> None:
    for old in out.glob("aimo_solver-*.whl"):
        old.unlink()
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(out), str(project)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"{project}: pip cannot build a wheel of it: {done.stderr.strip().splitlines()[-1:]}")


def _check_id(dataset_id: str) -> None:
    owner, _, slug = dataset_id.partition("/")
    if not owner or not _SLUG.fullmatch(slug):
        raise InputError(f"id must be user/slug, the slug of 6 to 50 letters, digits and -, got {dataset_id!r}")


def _title(dataset_id: str) -> str:
    return dataset_id.partition("/")[2].replace("-", " ")
