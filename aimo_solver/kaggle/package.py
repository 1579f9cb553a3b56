"""Packages for Kaggle: a dataset of wheels, or a single file with this package inside.

Guarantees: wheels that are missing or built for another machine are reported before anything is
uploaded. Uploading is left to `kaggle datasets create`.
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
from aimo_solver.kaggle.damaged_files import check_files
from aimo_solver.kaggle.kernel_metadata import MAX_SOURCE_BYTES
from aimo_solver.kaggle.requirements_file import parse_requirements
from aimo_solver.kaggle.shared_files import leave_out_replaced
from aimo_solver.kaggle.wheel_target import WheelTarget
from aimo_solver.kaggle.wheels import download_wheels, wheel_faults, write_lock
from aimo_solver.utils.files import make_folder, read_text, write_text

DATASET_FILE: Final = "dataset-metadata.json"
EMBEDDED_PACKAGES: Final = ("aimo_solver", "tomli_w")
"""Packages in the single file: this one, and its dependencies that Kaggle's image lacks."""
_PACKAGE_LINE: Final = 'PACKAGE = ""'
_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{4,48}[a-z0-9]")


def package_wheels(
    out: Path,
    *,
    dataset_id: str,
    requirements: Sequence[Path | str],
    target: WheelTarget,
    project: Path | None,
    with_dependencies: bool = True,
    quiet: bool = False,
) -> Path:
    """Fills `out` with a dataset of wheels, and returns its lock file. Raises InputError.

    Requirements are files, or single requirements as text. `project` is a checkout from which this
    project's own wheel is built. Wheels that `out` already holds are not downloaded again.
    """
    _check_id(dataset_id)
    parse_requirements(requirements, target)  # A broken file is refused before anything is built.
    make_folder(out)
    check_files(out)
    if project is not None:
        _build_project_wheel(project, out)
    if requirements:
        download_wheels(requirements, target, out, with_dependencies=with_dependencies, quiet=quiet)
    leave_out_replaced(out)
    check_files(out)  # A download may have been cut off, too.
    faults = wheel_faults(out, target, requirements, with_dependencies=bool(requirements) and with_dependencies)
    if not any(out.glob("*.whl")):
        faults.append("holds no wheels; name a requirements file")
    if faults:
        raise InputError(f"{out}: " + "; ".join(faults))
    metadata = {"title": _title(dataset_id), "id": dataset_id, "licenses": [{"name": "other"}]}
    write_text(out / DATASET_FILE, json.dumps(metadata, indent=2) + "\n")
    return write_lock(out)


def package_single_file(kernel: Path, out: Path) -> int:
    """Writes `kernel` with the package inside; returns its bytes. Raises InputError above Kaggle's limit."""
    text = read_text(kernel, "kernel.py")
    if text.count(_PACKAGE_LINE) != 1:
        raise InputError(f"{kernel}: must contain the line {_PACKAGE_LINE} once; use the project's own kernel.py")
    whole = text.replace(_PACKAGE_LINE, f'PACKAGE = "{base64.b85encode(_archive()).decode()}"')
    size_bytes = len(whole.encode())
    if size_bytes > MAX_SOURCE_BYTES:
        raise InputError(f"{out}: would have {size_bytes:,} bytes, and Kaggle accepts at most {MAX_SOURCE_BYTES:,}")
    write_text(out, whole)
    return size_bytes


def _archive() -> bytes:
    """Returns the packages' sources and settings as a compressed tar; the same bytes every time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in EMBEDDED_PACKAGES:
            spec = find_spec(name)
            if spec is None or spec.origin is None:
                raise InputError(f"the package {name} is not installed; run `make venv`")
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
        raise InputError(f"{project}: pip cannot build its wheel: {' '.join(done.stderr.strip().splitlines()[-1:])}")


def _check_id(dataset_id: str) -> None:
    owner, _, slug = dataset_id.partition("/")
    if not owner or not _SLUG.fullmatch(slug):
        raise InputError(f"id must be user/slug, the slug of 6 to 50 letters, digits and hyphens, got {dataset_id!r}")


def _title(dataset_id: str) -> str:
    return dataset_id.partition("/")[2].replace("-", " ")
