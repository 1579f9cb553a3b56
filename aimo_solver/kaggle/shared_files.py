"""Files that two wheels own: pip installs both and keeps what comes last, which nothing decides but the names' order.

Guarantees: two wheels of one folder that would overwrite each other's files are found, and of two that
are known to have the same modules one is left out. A wheel of metadata alone then stands for it, so that
`pip check` finds what other wheels require.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name, parse_wheel_filename

REPLACED: Final = {
    # The first fetches its vocabulary when it runs, and Kaggle has no internet.
    "openai-harmony": "oss-harmony",
    # The second is the first for CUDA 13, and meant to be written over it; pip writes them in the other order.
    "nvidia-cutlass-dsl-libs-base": "nvidia-cutlass-dsl-libs-cu13",
}
"""Where the second is there, the first is left out: the second has all its modules."""
STRAYS: Final = frozenset({"build_backend.py"})
"""Files of a wheel's own build that some releases leave in; nothing imports them."""
_METADATA: Final = re.compile(r"^[^/]+\.dist-info/")
_DATA: Final = re.compile(r"^[^/]+\.data/(?:purelib/|platlib/)?")


def shared_files(folder: Path) -> dict[tuple[str, str], list[str]]:
    """Returns the files that two wheels own with different contents, by the wheels' names."""
    owners: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for path in sorted(folder.glob("*.whl")):
        for file, checksum in _files(path):
            owners[file].append((path.name, checksum))
    shared: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file, several in owners.items():
        for (one, checksum), (other, other_checksum) in combinations(several, 2):
            if checksum != other_checksum:
                shared[one, other].append(file)
    return dict(shared)


def _files(path: Path) -> Iterator[tuple[str, int]]:
    """Yields what a wheel puts beside the others' files, each with its CRC."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            file = _DATA.sub("", entry.filename)
            if not entry.is_dir() and not _METADATA.match(file) and file not in STRAYS:
                yield file, entry.CRC


def leave_out_replaced(folder: Path) -> None:
    """Puts a wheel of metadata alone in the place of each wheel that another one in the folder replaces."""
    there: dict[str, Path] = {
        canonicalize_name(path.name.partition("-")[0]): path for path in sorted(folder.glob("*.whl"))
    }
    for name, kept in REPLACED.items():
        if kept not in there:
            continue
        version = str(parse_wheel_filename(there.get(name, there[kept]).name)[1]).partition("+")[0]
        for path in folder.glob(f"{name.replace('-', '_')}-*.whl"):
            path.unlink()
        _write_stand_in(folder, name, version, kept)


def _write_stand_in(folder: Path, name: str, version: str, kept: str) -> None:
    """Writes the wheel; the same bytes every time."""
    stem = f"{name.replace('-', '_')}-{version}+stand.in"
    metadata = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}+stand.in\n"
        f"Summary: Metadata alone: {kept} has the modules.\nRequires-Dist: {kept}\n"
    )
    files = {
        f"{stem}.dist-info/METADATA": metadata,
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{file},sha256={_digest(text)},{len(text)}\n" for file, text in files.items()]
    files[f"{stem}.dist-info/RECORD"] = "".join([*record, f"{stem}.dist-info/RECORD,,\n"])
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
