"""Wheels made for tests."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path


def make_wheel(
    folder: Path, name: str, version: str = "1.0", *, tag: str = "py3-none-any", needs: Sequence[str] = ()
) -> Path:
    """Makes a wheel with one module, which pip can install."""
    path = folder / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "HERE = True\n")
        archive.writestr(
            f"{info}/METADATA",
            "".join(
                [
                    f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
                    *(f"Requires-Dist: {need}\n" for need in needs),
                ]
            ),
        )
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return path
