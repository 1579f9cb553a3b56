"""JSON lines: files of one object a line, refused in one sentence that names file, line and cure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aimo_solver.errors import InputError


def json_rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each line's number and object, empty lines left out. Raises InputError."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:  # ValueError: not JSON, or a number of over 4300 digits.
            raise InputError(f"{path}, line {number}: not JSON ({error}); expected one object a line") from None
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number}: must be a JSON object, got {type(row).__name__}")
        yield number, row
